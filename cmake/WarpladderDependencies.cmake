# SPDX-License-Identifier: Apache-2.0
#
# The libraries that our own programs use. Consumers of Warpladder never meet them.
#
#   warpladder_need(fmt benchmark)
#
# makes these targets available: an installed package if there is one, else the pinned release from
# its own repository. To build without a network against sources of your own, see CMake's
# FETCHCONTENT_SOURCE_DIR_<NAME>.
include_guard(DIRECTORY)  # found packages are visible in the folder that has looked for them
include(FetchContent)

option(WARPLADDER_FETCH_DEPENDENCIES
       "Download and link the dependencies statically even where packages are installed" OFF)

# Name, oldest version that has what we use (empty: any), repository, tag.
set(warpladder_dependency_fmt 9.0 https://github.com/fmtlib/fmt.git 10.2.1)
set(warpladder_dependency_CLI11 2.1 https://github.com/CLIUtils/CLI11.git v2.4.2)
set(warpladder_dependency_nlohmann_json 3.10 https://github.com/nlohmann/json.git v3.11.3)
set(warpladder_dependency_GTest 1.11 https://github.com/google/googletest.git v1.14.0)
set(warpladder_dependency_benchmark 1.7 https://github.com/google/benchmark.git v1.8.3)

# A macro, because packages define variables that the caller may want.
macro(warpladder_need)
  foreach(name ${ARGN})
    if(NOT DEFINED warpladder_dependency_${name})
      message(FATAL_ERROR "warpladder_need: unknown dependency '${name}'")
    endif()
    list(GET warpladder_dependency_${name} 0 oldest)
    if(NOT WARPLADDER_FETCH_DEPENDENCIES)
      find_package(${name} ${oldest} QUIET)
    endif()
    if(NOT ${name}_FOUND)
      warpladder_fetch(${name})
    endif()
  endforeach()
endmacro()

function(warpladder_fetch name)
  list(GET warpladder_dependency_${name} 1 repository)
  list(GET warpladder_dependency_${name} 2 tag)
  message(STATUS "${name}: no installed package, fetching ${tag} from ${repository}")
  set(BUILD_SHARED_LIBS OFF)
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # the plain variables below set their options
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  set(BENCHMARK_ENABLE_WERROR OFF)
  set(INSTALL_GTEST OFF)
  FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW ON)
  FetchContent_MakeAvailable(${name})
endfunction()
