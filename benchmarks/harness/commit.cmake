# SPDX-License-Identifier: Apache-2.0
#
# Writes HEADER with the git commit of SOURCE; touches it only when the commit has changed.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define WARPLADDER_COMMIT \"${commit}\"\n")
