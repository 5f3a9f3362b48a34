// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

namespace warpladder::test {

/// What `launch()` enqueues on `on` is captured, not run, and then replayed twice: `upload()`
/// before each replay, `check()` after it.
template <class Launch, class Upload, class Check>
void replay_captured(cudaStream_t on, const Launch& launch, const Upload& upload,
                     const Check& check) {
  cudaGraph_t graph{};
  cudaGraphExec_t executable{};
  ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(launch(), cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess) << "not legal under stream capture";
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  for (int replay = 0; replay < 2; ++replay) {
    upload();
    EXPECT_EQ(cudaGraphLaunch(executable, on), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    EXPECT_TRUE(check()) << "replay " << replay;
  }
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

}  // namespace warpladder::test
