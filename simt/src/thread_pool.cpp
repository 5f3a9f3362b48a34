// SPDX-License-Identifier: Apache-2.0
#include "thread_pool.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace simt {
namespace {

struct batch {
  const std::function<void(unsigned)>& job;
  unsigned unfinished;
  std::condition_variable all_finished;
};

struct worker {
  batch* work = nullptr;
  unsigned index = 0;
  std::condition_variable wake;
};

struct pool {
  std::mutex mutex;
  std::vector<worker*> idle;

  void serve(worker& me) {
    std::unique_lock lock(mutex);
    for (;;) {
      me.wake.wait(lock, [&] { return me.work != nullptr; });
      batch& current = *me.work;
      lock.unlock();
      current.job(me.index);
      lock.lock();
      me.work = nullptr;
      idle.push_back(&me);
      // The batch is on its caller's stack: it may be gone as soon as the lock is.
      if (--current.unfinished == 0) current.all_finished.notify_one();
    }
  }
};

// Never destroyed: its threads may still wait in it while the process ends.
pool& the_pool() {
  static pool& instance = *new pool;
  return instance;
}

}  // namespace

void run_together(unsigned count, const std::function<void(unsigned)>& job) {
  if (count == 1) return job(0);
  pool& p = the_pool();
  batch work{job, count - 1, {}};
  {
    std::lock_guard lock(p.mutex);
    for (unsigned i = 1; i < count; ++i) {
      if (p.idle.empty()) {
        auto* made = new worker;
        p.idle.push_back(made);
        std::thread([&p, made] { p.serve(*made); }).detach();
      }
      worker* chosen = p.idle.back();
      p.idle.pop_back();
      chosen->index = i;
      chosen->work = &work;
      chosen->wake.notify_one();
    }
  }
  job(0);
  std::unique_lock lock(p.mutex);
  work.all_finished.wait(lock, [&] { return work.unfinished == 0; });
}

}  // namespace simt
