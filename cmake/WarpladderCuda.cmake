# SPDX-License-Identifier: Apache-2.0
#
# Decides whether there is a GPU backend, and enables CUDA with sensible architectures.
# Sets WARPLADDER_HAS_CUDA. Included at file scope, as enable_language() demands.

find_package(CUDAToolkit QUIET GLOBAL)  # consumers that add this folder see CUDA::cudart too
set(WARPLADDER_HAS_CUDA OFF)
if(WARPLADDER_CUDA STREQUAL "OFF" OR NOT WARPLADDER_BUILDS_PROGRAMS)
  return()
endif()

include(CheckLanguage)
warpladder_default_architectures()
check_language(CUDA)
if(CMAKE_CUDA_COMPILER AND CUDAToolkit_FOUND)
  enable_language(CUDA)
  if(CUDAToolkit_VERSION VERSION_LESS 12.4)
    message(FATAL_ERROR "Warpladder needs CUDA 12.4 or later, found ${CUDAToolkit_VERSION}. "
                        "Install a newer toolkit, or configure with -DWARPLADDER_CUDA=OFF to use "
                        "the host executor alone.")
  endif()
  set(WARPLADDER_HAS_CUDA ON)
elseif(WARPLADDER_CUDA STREQUAL "ON")
  message(FATAL_ERROR "WARPLADDER_CUDA=ON, but no CUDA compiler was found. Put nvcc on the PATH or "
                      "set CMAKE_CUDA_COMPILER.")
else()
  message(STATUS "No CUDA toolkit: building the host backend alone")
endif()
