// SPDX-License-Identifier: Apache-2.0
//
// From what a video decoder writes to what a neural network reads, in one kernel: NV12 to red,
// green and blue planes of floats, of another size, normalised.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <warpladder/core/launch.cuh>
#include <warpladder/core/math.hpp>

namespace video {

struct size {
  int width, height;
};

/// Bytes of a frame of NV12: a plane of luma, then one of half as many rows of Cb, Cr pairs.
__host__ __device__ constexpr std::size_t nv12_bytes(size frame) {
  return std::size_t(frame.width) * frame.height * 3 / 2;
}
/// Floats of a frame of three planes.
__host__ __device__ constexpr std::size_t planar_floats(size frame) {
  return std::size_t(frame.width) * frame.height * 3;
}

/// The sizes that NV12 can have, and that the kernel's arithmetic can take.
constexpr bool are_valid(size from, size to) {
  const auto fits = [](size s) {
    return s.width >= 1 && s.height >= 1 && s.width <= 16384 && s.height <= 16384;
  };
  return fits(from) && fits(to) && from.width % 2 == 0 && from.height % 2 == 0;
}

/// What is subtracted from red, green and blue, each from 0 to 1, and by what they are divided
/// then.
struct normalisation {
  float mean[3] = {0.485f, 0.456f, 0.406f};  // of ImageNet, as most networks want it
  float deviation[3] = {0.229f, 0.224f, 0.225f};
};

/// A place between two samples of a row or column: (1 - fraction) of the first and the rest of the
/// second, which may be the same one.
struct between {
  int first, second;
  float fraction;
};

/// The place numerator / denominator, clamped to the samples 0 to last. In integers, as the place
/// itself as a float would lose most of the fraction's bits in large frames.
__host__ __device__ inline between place(int numerator, int denominator, int last) {
  if (numerator <= 0) return {0, 0, 0.0f};
  const int first = numerator / denominator;
  if (first >= last) return {last, last, 0.0f};
  const float fraction = float(numerator - first * denominator) / float(denominator);
  return {first, first + 1, fraction};
}

__host__ __device__ inline float mix(float a, float b, float fraction) {
  return a + (b - a) * fraction;
}
__host__ __device__ inline float clamped(float x) {
  return x < 0 ? 0.0f : x > 1 ? 1.0f : x;
}

/// One thread per pixel of the output, one layer of blocks per frame. The bytes of a few source
/// rows per row of output come from the caches; what matters to the memory is written along rows.
template <class Byte>
__global__ void nv12_to_planar_kernel(const Byte* frames, float* planes, size from, size to,
                                      normalisation norm) {
  const int x = int(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = int(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= to.width || y >= to.height) return;
  const Byte* const luma = frames + blockIdx.z * nv12_bytes(from);
  const Byte* const chroma = luma + std::size_t(from.width) * from.height;

  // Pixels are squares with their values in the middle: the middle of pixel x lies at
  // (x + 1/2) * from / to - 1/2. Chroma has every second sample, in line with the even columns of
  // luma and halfway between its rows, as H.264 and HEVC have it unless they say otherwise.
  const int across = (2 * x + 1) * from.width, down = (2 * y + 1) * from.height;
  const between lx = place(across - to.width, 2 * to.width, from.width - 1);
  const between ly = place(down - to.height, 2 * to.height, from.height - 1);
  const between cx = place(across - to.width, 4 * to.width, from.width / 2 - 1);
  const between cy = place(down - 2 * to.height, 4 * to.height, from.height / 2 - 1);

  const auto sample = [](const Byte* plane, int pitch, int step, between h, between v) {
    const auto at = [&](int row, int col) {
      return float(plane[std::size_t(row) * pitch + col * step]);
    };
    return mix(mix(at(v.first, h.first), at(v.first, h.second), h.fraction),
               mix(at(v.second, h.first), at(v.second, h.second), h.fraction), v.fraction);
  };
  // BT.709, limited range: luma is 16 to 235, chroma 128 +- 112.
  const float luminance = (sample(luma, from.width, 1, lx, ly) - 16) / 219;
  const float cb = (sample(chroma, from.width, 2, cx, cy) - 128) / 224;
  const float cr = (sample(chroma + 1, from.width, 2, cx, cy) - 128) / 224;
  const float rgb[3] = {luminance + 1.5748f * cr, luminance - 0.1873f * cb - 0.4681f * cr,
                        luminance + 1.8556f * cb};

  float* out = planes + blockIdx.z * planar_floats(to) + std::size_t(y) * to.width + x;
  for (int c = 0; c < 3; ++c) {
    *out = (clamped(rgb[c]) - norm.mean[c]) / norm.deviation[c];
    out += std::size_t(to.width) * to.height;
  }
}

/// Enqueues planes[f] = red, green and blue of frames[f], resized bilinearly and normalised, for
/// `count` frames one behind the other. Resizing to less than half takes four samples of many,
/// which flickers: then resize in two steps. Colours outside of the cube are clamped to it. Returns
/// cudaErrorInvalidValue for sizes that NV12 or the arithmetic cannot have.
inline cudaError_t nv12_to_planar(const unsigned char* frames, float* planes, int count, size from,
                                  size to, const normalisation& norm, cudaStream_t stream) {
  if (!are_valid(from, to) || count < 0 || count > 65535) return cudaErrorInvalidValue;
  if (count == 0) return cudaSuccess;
  const dim3 block(32, 4);
  const dim3 grid(unsigned(warpladder::ceil_div(to.width, 32)),
                  unsigned(warpladder::ceil_div(to.height, 4)), unsigned(count));
  return warpladder::launch_kernel(nv12_to_planar_kernel<unsigned char>,
                                   {.grid = grid, .block = block, .stream = stream}, frames, planes,
                                   from, to, norm);
}

/// One value of the output in float64, written down from the definition: a second opinion, not a
/// second copy. `channel` is 0 for red, 1 for green, 2 for blue; `sample(plane, col, row)` is a
/// sample of the frame, of plane 0 (luma), 1 (Cb) or 2 (Cr).
template <class Sample>
double nv12_to_planar_reference(const Sample& sample, size from, size to, const normalisation& norm,
                                int x, int y, int channel) {
  // Every sample counts as much as the square around it covers of the one around the place.
  const auto at = [&](int plane, double col, double row) {
    const int cols = plane == 0 ? from.width : from.width / 2;
    const int rows = plane == 0 ? from.height : from.height / 2;
    col = std::clamp(col, 0.0, cols - 1.0);
    row = std::clamp(row, 0.0, rows - 1.0);
    double sum = 0;
    for (int r = std::max(0, int(row) - 1); r < std::min(rows, int(row) + 3); ++r) {
      for (int c = std::max(0, int(col) - 1); c < std::min(cols, int(col) + 3); ++c)
        sum += sample(plane, c, r) * std::max(0.0, 1 - std::abs(col - c)) *
               std::max(0.0, 1 - std::abs(row - r));
    }
    return sum;
  };
  const double col = (x + 0.5) * from.width / to.width - 0.5;
  const double row = (y + 0.5) * from.height / to.height - 0.5;
  const double luma = (at(0, col, row) - 16) / 219;
  const double cb = (at(1, col / 2, (row - 0.5) / 2) - 128) / 224;
  const double cr = (at(2, col / 2, (row - 0.5) / 2) - 128) / 224;
  const double rgb[3] = {luma + 1.5748 * cr, luma - 0.1873 * cb - 0.4681 * cr, luma + 1.8556 * cb};
  return (std::clamp(rgb[channel], 0.0, 1.0) - double(norm.mean[channel])) /
         double(norm.deviation[channel]);
}

/// How far the kernel may be from that. Two interpolations, their offsets and scales and the three
/// terms of a colour are fewer than 32 roundings of values of about 1, or less; the last division
/// enlarges what they sum up to.
constexpr double nv12_to_planar_bound(const normalisation& norm, int channel) {
  return 32 * 0x1p-24 / double(norm.deviation[channel]);
}

}  // namespace video
