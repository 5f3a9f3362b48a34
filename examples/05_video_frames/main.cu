// SPDX-License-Identifier: Apache-2.0
//
// A stream of video frames through the device: NV12 in, resized and normalised planes of floats
// out. Copying in, converting, and copying out run at the same time; so do the decoder, which here
// only draws, and the consumer, which here only checks.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>
#include <warpladder/core/buffer.hpp>
#include <warpladder/core/stream.hpp>
#include <warpladder/pipeline.hpp>

#include "nv12_to_planar.cuh"

namespace {

namespace pipeline = warpladder::pipeline;

#ifdef WARPLADDER_HOST_EXECUTOR
constexpr bool on_gpu = false;  // how fast an emulation is says nothing
constexpr std::size_t default_frames = 100;
constexpr video::size default_from{320, 180}, default_to{96, 54};
#else
constexpr bool on_gpu = true;
constexpr std::size_t default_frames = 2000;
constexpr video::size default_from{1920, 1080}, default_to{640, 360};
#endif

/// Draws frames that move: every row is a window into the same pattern, shifted by the time and by
/// the row. As fast as memcpy, which is about what a decoder costs the CPU.
class camera {
 public:
  explicit camera(video::size size)
      : size_(size), luma_(size.width + 220), chroma_(size.width + 450) {
    for (std::size_t i = 0; i < luma_.size(); ++i) luma_[i] = (unsigned char)(16 + i % 220);
    for (std::size_t i = 0; i < chroma_.size(); ++i)
      chroma_[i] = (unsigned char)(i % 2 == 0 ? 16 + i / 2 % 225 : 240 - i / 2 * 7 % 225);
  }

  void draw(std::size_t frame, unsigned char* to) const {
    for (int y = 0; y < size_.height; ++y, to += size_.width)
      std::memcpy(to, luma_row(frame, y), size_.width);
    for (int y = 0; y < size_.height / 2; ++y, to += size_.width)
      std::memcpy(to, chroma_row(frame, y), size_.width);
  }

  /// What draw() draws, one by one: of plane 0 (luma), 1 (Cb) or 2 (Cr).
  int sample(std::size_t frame, int plane, int col, int row) const {
    return plane == 0 ? luma_row(frame, row)[col] : chroma_row(frame, row)[2 * col + plane - 1];
  }

 private:
  const unsigned char* luma_row(std::size_t frame, int y) const {
    return luma_.data() + (frame * 5 + std::size_t(y) * 3) % 220;
  }
  const unsigned char* chroma_row(std::size_t frame, int y) const {
    return chroma_.data() + (frame * 2 + std::size_t(y)) % 225 * 2;
  }

  video::size size_;
  std::vector<unsigned char> luma_, chroma_;
};

/// Compares some pixels of every frame with float64: the corners, and others that change from frame
/// to frame.
class inspector {
 public:
  inspector(const camera& drawn, video::size from, video::size to, const video::normalisation& norm)
      : camera_(drawn), from_(from), to_(to), norm_(norm) {}

  void look_at(std::size_t index, std::span<const float> planes) {
    const auto sample = [&](int plane, int col, int row) {
      return camera_.sample(index, plane, col, row);
    };
    for (int probe = 0; probe < 12; ++probe) {
      const auto spread = [&](unsigned factor, int extent) {
        return int((index * 16 + unsigned(probe)) * factor % unsigned(extent));
      };
      const int x = probe < 4 ? probe % 2 * (to_.width - 1) : spread(7919, to_.width);
      const int y = probe < 4 ? probe / 2 * (to_.height - 1) : spread(6271, to_.height);
      for (int channel = 0; channel < 3; ++channel) {
        const double right =
            video::nv12_to_planar_reference(sample, from_, to_, norm_, x, y, channel);
        const std::size_t at = (std::size_t(channel) * to_.height + y) * to_.width + x;
        const double error =
            std::abs(double(planes[at]) - right) / video::nv12_to_planar_bound(norm_, channel);
        worst_ = std::isfinite(error) ? std::max(worst_, error) : INFINITY;
      }
    }
    ++frames_;
  }

  std::size_t frames() const { return frames_; }
  double worst() const { return worst_; }  ///< largest error over its bound

 private:
  const camera& camera_;
  video::size from_, to_;
  video::normalisation norm_;
  std::size_t frames_ = 0;
  double worst_ = 0;
};

/// What one core can do at most: the pipeline is no faster than its source.
double frames_per_second_of(const camera& decoder, std::size_t frames, std::size_t frame_bytes) {
  const warpladder::pinned_buffer<unsigned char> frame(frame_bytes);
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < frames; ++i) decoder.draw(i, frame.data());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return double(frames) / took.count();
}

bool run(std::size_t frames, video::size from, video::size to) {
  const video::normalisation norm;
  const camera decoder(from);
  inspector consumer(decoder, from, to, norm);
  const warpladder::stream stream;
  const std::size_t in_bytes = video::nv12_bytes(from);
  const std::size_t out_bytes = video::planar_floats(to) * sizeof(float);

  // [the pipeline]
  const pipeline::stage convert{
      .name = "nv12 to planes",
      .enqueue =
          [&](auto in, auto out, const pipeline::chunk&, warpladder::stream_view on) {
            return video::nv12_to_planar(pipeline::as<unsigned char>(in).data(),
                                         pipeline::as<float>(out).data(), int(in.size() / in_bytes),
                                         from, to, norm, on);
          },
      .output_bytes = [=](std::size_t in) { return in / in_bytes * out_bytes; },
      .independent = true};

  const pipeline::source decoded{
      .fill =
          [&, next = std::size_t{0}](std::span<std::byte> slot, const pipeline::chunk&) mutable {
            const std::size_t count = std::min(slot.size() / in_bytes, frames - next);
            for (std::size_t i = 0; i < count; ++i)
              decoder.draw(next++, pipeline::as<unsigned char>(slot).data() + i * in_bytes);
            return count * in_bytes;
          },
      .total_bytes = frames * in_bytes};

  const pipeline::sink consumed{
      .take = [&](std::span<const std::byte> output, const pipeline::chunk&) {
        for (; !output.empty(); output = output.subspan(out_bytes))
          consumer.look_at(consumer.frames(), pipeline::as<float>(output.first(out_bytes)));
      }};

  const auto done = pipeline::run(
      {convert}, decoded, consumed, stream,
      {.granularity = in_bytes,  // a chunk is whole frames
       .on_progress = [&](const pipeline::progress& now) {
         std::printf("  %6zu of %zu frames", std::size_t(now.bytes) / in_bytes, frames);
         if (on_gpu) std::printf("  %7.0f frames/s", double(now.bytes / in_bytes) / now.seconds);
         std::printf("\n");
       }});
  // [/the pipeline]

  std::printf("%zu frames in %zu chunks\n", consumer.frames(), done.chunks);
  if (on_gpu) {
    std::printf("frames/s: %.0f\n", double(frames) / done.seconds);
    std::printf("GB/s in: %.2f\n", 1e-9 * double(done.bytes_in) / done.seconds);
    std::printf("GB/s out: %.2f\n", 1e-9 * double(done.bytes_out) / done.seconds);
    std::printf("frames/s of drawing alone: %.0f\n",
                frames_per_second_of(decoder, frames, in_bytes));
  }
  const bool right = consumer.frames() == frames && consumer.worst() <= 1;
  std::printf("%s: largest error %.1f%% of its bound\n", right ? "right" : "WRONG",
              100 * consumer.worst());
  return right;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::size_t frames = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : default_frames;
  video::size from = default_from, to = default_to;
  const auto read_size = [&](int argument, video::size& size) {
    return argc <= argument || std::sscanf(argv[argument], "%dx%d", &size.width, &size.height) == 2;
  };
  if (argc > 4 || frames == 0 || !read_size(2, from) || !read_size(3, to) ||
      !video::are_valid(from, to)) {
    std::fprintf(stderr, "usage: %s [frames [WIDTHxHEIGHT of the video [of the output]]]\n",
                 argv[0]);
    return 2;
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no GPU: nothing to run on");
    return 77;
  }
  std::printf("NV12 of %d x %d to planes of %d x %d\n", from.width, from.height, to.width,
              to.height);
  return run(frames, from, to) ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
