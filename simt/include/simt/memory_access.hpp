// SPDX-License-Identifier: Apache-2.0
// Loads and stores with a cache hint. The host ignores the hint and keeps the access.
#pragma once

#include "simt/keywords.hpp"

#define SIMT_HINTED_LOAD(name)               \
  template <class T>                         \
  __forceinline__ T name(const T* address) { \
    return *address;                         \
  }
#define SIMT_HINTED_STORE(name)                           \
  template <class T>                                      \
  __forceinline__ void name(T* address, const T& value) { \
    *address = value;                                     \
  }

SIMT_HINTED_LOAD(__ldg)
SIMT_HINTED_LOAD(__ldca)
SIMT_HINTED_LOAD(__ldcg)
SIMT_HINTED_LOAD(__ldcs)
SIMT_HINTED_LOAD(__ldlu)
SIMT_HINTED_LOAD(__ldcv)
SIMT_HINTED_STORE(__stwb)
SIMT_HINTED_STORE(__stcg)
SIMT_HINTED_STORE(__stcs)
SIMT_HINTED_STORE(__stwt)

#undef SIMT_HINTED_LOAD
#undef SIMT_HINTED_STORE
