# SPDX-License-Identifier: Apache-2.0
#
# One source, several backends: `gpu` (nvcc), `host` (the executor in simt/) and `host_sanitized`
# (the same with address and undefined-behaviour sanitizers). An nvcc host stub and a g++ kernel of
# one template have the same mangled name, so no program ever links two backends: every program is
# built once per backend, as <name>_<backend>.

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
    set_target_properties(${target} PROPERTIES CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON)
  elseif(backend STREQUAL "host")
    target_link_libraries(${target} PRIVATE warpladder::host)
  elseif(backend STREQUAL "host_sanitized")
    target_link_libraries(${target} PRIVATE warpladder::host_sanitized)
  else()
    message(FATAL_ERROR "unknown backend '${backend}': use gpu, host or host_sanitized")
  endif()
endfunction()
