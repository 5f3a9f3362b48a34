# SPDX-License-Identifier: Apache-2.0
#
# Writes HEADER with the git commit of SOURCE; touches it only when the commit has changed. A copy of
# a checkout that came without its history is told by the environment: WARPLADDER_COMMIT.
if(DEFINED ENV{WARPLADDER_COMMIT})
  set(commit $ENV{WARPLADDER_COMMIT})
else()
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define WARPLADDER_COMMIT \"${commit}\"\n")
