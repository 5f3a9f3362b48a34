// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <istream>
#include <ostream>
#include <schedule_study/recording.hpp>
#include <sstream>

namespace warpladder::bench {
namespace {

constexpr char magic[8] = {'W', 'L', 'D', 'R', 'R', 'E', 'C', '1'};

/// Appends numbers and bytes, as they lie in memory: little endian on all machines with CUDA.
class writer {
 public:
  template <class T>
  void put(const T& value) {
    put(&value, sizeof value);
  }
  void put(const void* bytes, std::size_t count) {
    text_.append(static_cast<const char*>(bytes), count);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class reader {
 public:
  explicit reader(std::string_view text) : text_(text) {}

  template <class T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  const char* take(std::size_t count) {
    if (count > text_.size() - at_) throw bad_recording("the recording is truncated");
    at_ += count;
    return text_.data() + at_ - count;
  }
  /// A number of things of at least `least_bytes` each: not more than can follow.
  std::size_t get_count(std::size_t least_bytes) {
    const auto count = get<std::uint64_t>();
    if (count > (text_.size() - at_) / least_bytes)
      throw bad_recording("the recording is truncated");
    return std::size_t(count);
  }
  std::string_view taken() const { return text_.substr(0, at_); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

void save(const recording& what, std::ostream& to) {
  writer out;
  out.put(magic);
  out.put(what.workload);
  out.put(std::uint64_t{what.payloads.size()});
  for (const auto& payload : what.payloads) {
    out.put(std::uint64_t{payload.size()});
    out.put(payload.data(), payload.size());
  }
  out.put(std::uint64_t{what.jobs.size()});
  for (const recorded_job& job : what.jobs) {
    out.put(job.task);
    out.put(job.payload);
    out.put(job.sequence);
    out.put(job.time_us);
    out.put(job.consumed);
    out.put(job.result_hash);
  }
  out.put(fnv1a(out.text().data(), out.text().size()));
  to.write(out.text().data(), std::streamsize(out.text().size()));
  if (!to.flush()) throw std::runtime_error("cannot write the recording");
}

recording load_recording(std::istream& from) {
  std::stringstream buffer;
  buffer << from.rdbuf();
  const std::string text = std::move(buffer).str();
  reader in(text);
  if (text.size() < sizeof magic || std::memcmp(in.take(sizeof magic), magic, sizeof magic) != 0)
    throw bad_recording("this is no recording, or one of another version");

  recording result;
  result.workload = in.get<std::uint64_t>();
  result.payloads.resize(in.get_count(sizeof(std::uint64_t)));
  for (auto& payload : result.payloads) {
    payload.resize(in.get_count(1));
    std::memcpy(payload.data(), in.take(payload.size()), payload.size());
  }
  result.jobs.resize(in.get_count(sizeof(recorded_job)));
  for (recorded_job& job : result.jobs) {
    job.task = in.get<std::int32_t>();
    job.payload = in.get<std::uint32_t>();
    job.sequence = in.get<std::int64_t>();
    job.time_us = in.get<std::int64_t>();
    job.consumed = in.get<decltype(job.consumed)>();
    job.result_hash = in.get<std::uint64_t>();
  }
  const std::uint64_t hash = fnv1a(in.taken().data(), in.taken().size());
  if (in.get<std::uint64_t>() != hash)
    throw bad_recording("the recording is corrupted: its check sum is wrong");
  if (in.taken().size() != text.size())
    throw bad_recording("the recording is corrupted: something follows it");
  return result;
}

void check(const recording& what, const workload& with) {
  if (what.workload != fingerprint(with))
    throw bad_recording("the recording was made with another workload");
  const std::int64_t length = schedule::hyperperiod_us(timings(with));
  std::vector<std::vector<std::int64_t>> results_at;  // per task and place: whose result lies there
  for (const task_chain& each : with)
    results_at.emplace_back(std::size_t(length / each.timing.period_us), -1);
  std::vector<std::int64_t> latest(with.size(), -1);
  for (std::size_t i = 0; i < what.jobs.size(); ++i) {
    const recorded_job& job = what.jobs[i];
    const auto refuse = [&](const std::string& why) {
      throw bad_recording("job " + std::to_string(i) + " of the recording " + why);
    };
    if (job.task < 0 || std::size_t(job.task) >= with.size()) refuse("has an unknown task");
    const std::size_t task = std::size_t(job.task);
    if (job.payload >= what.payloads.size() ||
        what.payloads[job.payload].size() != with[task].bytes())
      refuse("has no frame of its size");
    if (job.sequence <= latest[task]) refuse("is out of sequence");
    for (std::size_t c = 0; c < with[task].consumes.size(); ++c) {
      const auto& there = results_at[std::size_t(with[task].consumes[c])];
      const std::int64_t wanted = job.consumed[c];
      if (wanted >= 0 && there[std::size_t(wanted) % there.size()] != wanted)
        refuse("consumes a result that is not there: later, dropped or overwritten");
    }
    latest[task] = job.sequence;
    results_at[task][std::size_t(job.sequence) % results_at[task].size()] = job.sequence;
  }
}

std::size_t count_differences(const recording& what, std::span<const std::uint32_t> found) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < what.jobs.size(); ++i) {
    const bool is_there = (i + 1) * result_words <= found.size();
    if (!is_there || fnv1a(&found[i * result_words], result_words * sizeof(std::uint32_t)) !=
                         what.jobs[i].result_hash)
      ++wrong;
  }
  return wrong;
}

}  // namespace warpladder::bench
