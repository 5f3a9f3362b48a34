# SPDX-License-Identifier: Apache-2.0
#
# One source, several backends: `gpu` (nvcc), `host` (the executor in simt/) and `host_sanitized`
# (the same with address and undefined-behaviour sanitizers). An nvcc host stub and a g++ kernel of
# one template have the same mangled name, so no program ever links two backends: every program is
# built once per backend, as <name>_<backend>.

# Sets CMAKE_CUDA_ARCHITECTURES unless the user has: the GPUs of this machine, or where there is none
# (`native` fails to configure there, and the code is compiled only to be checked) one that every
# supported toolkit knows.
macro(warpladder_default_architectures)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                    OUTPUT_QUIET RESULT_VARIABLE warpladder_no_gpu ERROR_QUIET)
    if(warpladder_no_gpu EQUAL 0)
      set(CMAKE_CUDA_ARCHITECTURES native)
    else()
      set(CMAKE_CUDA_ARCHITECTURES 90)
    endif()
  endif()
endmacro()

# Sets WARPLADDER_BACKENDS to what this machine can build for: "gpu;host" with a CUDA toolkit, which
# enables the CUDA language, else "host". For file scope, as enable_language() demands.
macro(warpladder_find_backends)
  set(WARPLADDER_BACKENDS host)
  if(CUDAToolkit_FOUND)
    warpladder_default_architectures()
    include(CheckLanguage)
    check_language(CUDA)
    if(CMAKE_CUDA_COMPILER)
      enable_language(CUDA)
      list(PREPEND WARPLADDER_BACKENDS gpu)
    endif()
  endif()
endmacro()

# Links <target> with everything that code of <backend> needs. Installed with the package: consumers
# call it to run their own .cu sources on the host.
#
#   warpladder_use_backend(my_program host main.cu)
#
# adds main.cu to my_program, compiled by the C++ compiler against the executor for `host`, by nvcc
# for `gpu`. CMake fixes a file's language per folder, so a host target gets a generated one-line
# .cpp that includes the .cu: diagnostics and debuggers still name the real file.
function(warpladder_use_backend target backend)
  foreach(source IN LISTS ARGN)
    get_filename_component(path ${source} ABSOLUTE)
    if(backend STREQUAL "gpu" OR NOT path MATCHES "\\.cu$")
      target_sources(${target} PRIVATE ${path})
    else()
      get_filename_component(stem ${path} NAME_WE)
      set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/${target}.host/${stem}.cpp)
      file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"${path}\"\n" @ONLY)
      target_sources(${target} PRIVATE ${wrapper})
    endif()
  endforeach()
  if(backend STREQUAL "gpu")
    target_link_libraries(${target} PRIVATE warpladder::warpladder)
    if("cuda_std_20" IN_LIST CMAKE_CUDA_COMPILE_FEATURES)
      set_target_properties(${target} PROPERTIES CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON)
    else()  # CMake before 3.25.2 does not know that nvcc can do it
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>)
    endif()
  elseif(backend STREQUAL "host")
    target_link_libraries(${target} PRIVATE warpladder::host)
  elseif(backend STREQUAL "host_sanitized")
    target_link_libraries(${target} PRIVATE warpladder::host_sanitized)
  else()
    message(FATAL_ERROR "unknown backend '${backend}': use gpu, host or host_sanitized")
  endif()
endfunction()
