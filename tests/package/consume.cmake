# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs tests/package/consumer against Warpladder, got in one of the ways
#   installed               find_package in an installation prefix
#   installed_without_cuda  the same where no CUDA toolkit can be found
#   build_tree              find_package in a build folder that was never installed
#   fetch_content           FetchContent of the sources
#   add_subdirectory        the sources inside the consumer's tree
#   bare_compiler           include paths on a command line, no CMake
# and looks at what the consumer was given: no flags of ours, no library but the CUDA runtime.
cmake_minimum_required(VERSION 3.24)

# run(<what it is> <command>...): sets `output`.
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${what} failed (${result}): ${command}\n${text}")
  endif()
  set(output "${text}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
# A copy outside of the repository: nothing can be found by accident.
file(COPY ${ROOT}/tests/package/consumer DESTINATION ${WORK})
set(source ${WORK}/consumer)
set(program ${WORK}/build/consumer)
file(MAKE_DIRECTORY ${WORK}/build)

if(WAY STREQUAL "bare_compiler" AND BACKEND STREQUAL "gpu")
  list(GET CUDA_ARCHITECTURES 0 architecture)
  string(REGEX REPLACE "^([0-9]+[af]?).*$" "sm_\\1" architecture ${architecture})
  run("nvcc" ${CUDACXX} -std=c++20 -arch=${architecture} -cudart shared
      -I${ROOT}/include -I${ROOT}/kernels ${source}/consumer.cu -o ${program})
elseif(WAY STREQUAL "bare_compiler")
  file(GLOB executor ${ROOT}/simt/src/*.cpp)
  run("the compiler" ${CXX} -std=c++20 -O1 -I${ROOT}/include -I${ROOT}/kernels
      -I${ROOT}/simt/include -x c++ ${source}/consumer.cu ${executor} -pthread -ldl -o ${program})
else()
  set(options -G ${GENERATOR} -DBACKEND=${BACKEND} -DCMAKE_CXX_COMPILER=${CXX})
  if(BACKEND STREQUAL "gpu")
    list(APPEND options -DCMAKE_CUDA_COMPILER=${CUDACXX}
         "-DCMAKE_CUDA_ARCHITECTURES=${CUDA_ARCHITECTURES}")
  endif()
  if(WAY STREQUAL "build_tree")
    list(APPEND options -DHOW=find_package -Dwarpladder_DIR=${PACKAGE_BUILD})
  elseif(WAY MATCHES "^installed")
    list(APPEND options -DHOW=find_package -DCMAKE_PREFIX_PATH=${PREFIX})
    if(WAY STREQUAL "installed_without_cuda")
      list(APPEND options -DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON)
    endif()
  else()
    list(APPEND options -DHOW=${WAY} -DWARPLADDER_SOURCE=${ROOT})
  endif()
  run("configuring" ${CMAKE_COMMAND} -S ${source} -B ${WORK}/build ${options})
  run("building" ${CMAKE_COMMAND} --build ${WORK}/build --target consumer)

  # What the consumer compiles with: nothing but include paths, the language standard, and for host
  # code the one warning switched off that #pragma unroll needs. Its own flags are empty here.
  file(READ ${WORK}/build/compile_commands.json commands)
  string(JSON count LENGTH "${commands}")
  math(EXPR last "${count} - 1")
  set(checked 0)
  foreach(i RANGE ${last})
    string(JSON file GET "${commands}" ${i} file)
    string(JSON command GET "${commands}" ${i} command)
    if(file MATCHES "/consumer\\.(cu|cpp)$")
      math(EXPR checked "${checked} + 1")
      separate_arguments(arguments UNIX_COMMAND "${command}")
      foreach(argument IN LISTS arguments)
        if(argument MATCHES "^-(O|g|W|f|march|Xcompiler|lineinfo|D|-use_fast_math|-expt)" AND
           NOT argument MATCHES "^-(Wno-unknown-pragmas|forward-unknown-to-host-compiler)$")
          message(FATAL_ERROR "the consumer was given ${argument}: ${command}")
        endif()
        if(WAY MATCHES "^installed" AND
           argument MATCHES "^(-I|-isystem)?${ROOT}/(include|kernels|simt)")
          message(FATAL_ERROR "the installed package points into the sources: ${argument}")
        endif()
      endforeach()
    endif()
  endforeach()
  if(NOT checked EQUAL 1)
    message(FATAL_ERROR "compile_commands.json names consumer ${checked} times")
  endif()
endif()

# What the program needs at run time.
run("readelf" readelf -d ${program})
string(REGEX MATCHALL "Shared library: \\[[^]]*\\]" needed "${output}")
foreach(library IN LISTS needed)
  if(library MATCHES "libcudart" AND BACKEND STREQUAL "gpu")
    continue()
  endif()
  if(NOT library MATCHES "\\[(libstdc\\+\\+|libm|libgcc_s|libc|libdl|libpthread|librt|ld-linux[^]]*)\\.so")
    message(FATAL_ERROR "the consumer needs ${library}")
  endif()
endforeach()

execute_process(COMMAND ${program} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
string(STRIP "${text}" text)
if(result EQUAL 77)
  message("no GPU: built, not run")
elseif(result EQUAL 0)
  message("${text}")
else()
  message(FATAL_ERROR "the consumer failed (${result}): ${text}")
endif()
