# SPDX-License-Identifier: Apache-2.0
#
# One source, several backends: `gpu` (nvcc), `host` (the executor in simt/), `host_sanitized` (the
# same with address and undefined-behaviour sanitizers) and `host_traced` (the same, with kernels
# that report every access to the tracer: docs/explain.md). An nvcc host stub and a g++ kernel of
# one template have the same mangled name, so no program ever links two backends: every program is
# built once per backend, as <name>_<backend>.

# Sets CMAKE_CUDA_ARCHITECTURES for the calling scope. Unless the user has chosen: the GPUs of this
# machine, or where there is none (the code is compiled only to be checked) one that every supported
# toolkit knows. 90 becomes 90a, here and where the user has asked for 90 or `native`: the tensor
# core instructions of Hopper exist in that variant alone. Such code runs on compute capability 9.0
# and nowhere else; for newer GPUs add their architecture, as for any other.
#
# All of a program should be compiled for one of the two. A template kernel that one file has for 90
# and another for 90a is one symbol, and either may win.
macro(warpladder_default_architectures)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES $ENV{CUDAARCHS})
    if(NOT DEFINED ENV{CUDAARCHS})
      set(CMAKE_CUDA_ARCHITECTURES native)
    endif()
  endif()
  if("${CMAKE_CUDA_ARCHITECTURES}" STREQUAL "native")
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                    OUTPUT_VARIABLE warpladder_gpus RESULT_VARIABLE warpladder_no_gpu ERROR_QUIET)
    string(REGEX MATCHALL "[0-9]+\\.[0-9]" warpladder_gpus "${warpladder_gpus}")
    if(warpladder_no_gpu EQUAL 0 AND warpladder_gpus)
      list(REMOVE_DUPLICATES warpladder_gpus)
      list(TRANSFORM warpladder_gpus REPLACE "\\." "")
      list(TRANSFORM warpladder_gpus APPEND "-real")
      set(CMAKE_CUDA_ARCHITECTURES ${warpladder_gpus})
    else()
      set(CMAKE_CUDA_ARCHITECTURES 90)
    endif()
  endif()
  list(TRANSFORM CMAKE_CUDA_ARCHITECTURES REPLACE "^90(-.*)$" "90a\\1")
  list(TRANSFORM CMAKE_CUDA_ARCHITECTURES REPLACE "^90$" "90a")
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
  # How kernels are compiled for tracing. -O1: what is hoisted, merged or kept in registers is about
  # what nvcc does; -fno-tree-sra: a float4 stays one access; -gdwarf-4: with version 5, addr2line
  # names the wrong file for some lines (g++ 12).
  set(traced_options -O1 -g -gdwarf-4 -fno-tree-sra -fsanitize=thread -fsanitize=bounds
                     --param=tsan-distinguish-volatile=1 -Wno-tsan)
  foreach(source IN LISTS ARGN)
    get_filename_component(path ${source} ABSOLUTE)
    if(backend STREQUAL "gpu" OR NOT path MATCHES "\\.cu$")
      target_sources(${target} PRIVATE ${path})
    else()
      get_filename_component(stem ${path} NAME_WE)
      set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/${target}.host/${stem}.cpp)
      file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"${path}\"\n" @ONLY)
      target_sources(${target} PRIVATE ${wrapper})
      if(backend STREQUAL "host_traced")
        set_source_files_properties(${wrapper} PROPERTIES COMPILE_OPTIONS
                                    "${traced_options}")
      endif()
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
  elseif(backend STREQUAL "host_traced")
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      message(FATAL_ERROR "tracing needs g++ (found ${CMAKE_CXX_COMPILER_ID}): other compilers merge "
                          "and split accesses in ways that would make the counters wrong. Configure "
                          "with -DCMAKE_CXX_COMPILER=g++.")
    endif()
    target_link_libraries(${target} PRIVATE warpladder::host_traced)
  else()
    message(FATAL_ERROR
            "unknown backend '${backend}': use gpu, host, host_sanitized or host_traced")
  endif()
endfunction()

# Adds a program whose kernels tell, when it ends, what they asked of the memory system and what they
# did wrong: docs/explain.md. It runs on the CPU, needs no GPU and no toolkit, and g++.
#
#   warpladder_add_traced_executable(my_trace main.cu)
function(warpladder_add_traced_executable target)
  if(NOT TARGET warpladder::trace_report)
    message(FATAL_ERROR "this Warpladder was built without tracing: configure it with g++ and "
                        "-DWARPLADDER_TRACED=ON")
  endif()
  add_executable(${target})
  warpladder_use_backend(${target} host_traced ${ARGN})
  target_link_libraries(${target} PRIVATE warpladder::trace_report)
  # Takes the part of the archive that traces from start to end; nobody calls it by name.
  target_link_options(${target} PRIVATE -Wl,--undefined=warpladder_trace_whole_program)
endfunction()
