# SPDX-License-Identifier: Apache-2.0
#
# Install rules, and the same package usable from the build tree:
#   find_package(warpladder)  with CMAKE_PREFIX_PATH=<prefix> or warpladder_DIR=<build folder>
# The two include roots of the repository, include/ and kernels/, merge into one below the prefix.

include(CMakePackageConfigHelpers)

set(traced_targets "")
if(WARPLADDER_TRACED)
  set(traced_targets warpladder_host_traced warpladder_simt_traced warpladder_trace_report)
endif()
foreach(target warpladder_headers warpladder_ladder warpladder_host warpladder_simt ${traced_targets})
  string(REPLACE warpladder_ "" name ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
endforeach()
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/warpladder)

install(TARGETS warpladder warpladder_headers warpladder_ladder warpladder_host warpladder_simt
                ${traced_targets}
        EXPORT warpladderTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/warpladder kernels/warpladder DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")
# In a folder of its own: it holds a cuda_runtime.h that GPU code must never find.
install(DIRECTORY simt/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/warpladder/simt)
install(EXPORT warpladderTargets NAMESPACE warpladder:: DESTINATION ${package_dir})
export(EXPORT warpladderTargets NAMESPACE warpladder::
       FILE ${PROJECT_BINARY_DIR}/warpladderTargets.cmake)

configure_package_config_file(cmake/warpladderConfig.cmake.in
  ${PROJECT_BINARY_DIR}/warpladderConfig.cmake INSTALL_DESTINATION ${package_dir})
# Not ARCH_INDEPENDENT although the kernels are headers: the host executor is a static library, and
# a package of another word size must not be found.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/warpladderConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
configure_file(cmake/WarpladderBackends.cmake ${PROJECT_BINARY_DIR}/WarpladderBackends.cmake
               COPYONLY)
install(FILES ${PROJECT_BINARY_DIR}/warpladderConfig.cmake
              ${PROJECT_BINARY_DIR}/warpladderConfigVersion.cmake cmake/WarpladderBackends.cmake
        DESTINATION ${package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
