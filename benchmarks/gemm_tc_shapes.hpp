// SPDX-License-Identifier: Apache-2.0
//
// The shapes that the topic gemm_tc is judged by.
#pragma once

#include <string>
#include <vector>

namespace warpladder::bench {

/// The four products of a decoder layer by its hidden size, the rows that leave the fused query,
/// key and value projection, and the hidden size of its gated MLP, whose two first products are
/// one.
struct decoder_layer {
  int hidden, qkv, mlp;

  /// For so many tokens: qkv, output, gate and up, down. Weights are stored n x k.
  std::vector<std::string> products(int tokens) const {
    const auto product = [tokens](int n, int k) {
      return std::to_string(tokens) + "x" + std::to_string(n) + "x" + std::to_string(k) + ":nt";
    };
    return {product(qkv, hidden), product(hidden, hidden), product(2 * mlp, hidden),
            product(hidden, mlp)};
  }
};

// Llama 3 with 1, 8 and 70 billion parameters: 32, 32 and 64 query heads, 8 of keys and values.
inline constexpr decoder_layer llama_1b{2048, 3072, 8192}, llama_8b{4096, 6144, 14336},
    llama_70b{8192, 10240, 28672};

/// 24 products of training and prompts: three models, two numbers of tokens each.
inline std::vector<std::string> transformer_shapes() {
  std::vector<std::string> shapes;
  const struct {
    decoder_layer layer;
    int tokens;
  } runs[] = {{llama_1b, 1024}, {llama_1b, 8192}, {llama_8b, 512},
              {llama_8b, 4096}, {llama_70b, 256}, {llama_70b, 2048}};
  for (const auto& [layer, tokens] : runs) {
    for (const std::string& shape : layer.products(tokens)) shapes.push_back(shape);
  }
  return shapes;
}

/// A token each for 1 to 64 users.
inline std::vector<std::string> decode_shapes() {
  std::vector<std::string> shapes;
  for (const int tokens : {1, 2, 4, 8, 16, 32, 64}) {
    for (const std::string& shape : llama_8b.products(tokens)) shapes.push_back(shape);
  }
  return shapes;
}

}  // namespace warpladder::bench
