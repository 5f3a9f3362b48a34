# SPDX-License-Identifier: Apache-2.0
#
# The ladders on disk against the registries and the docs. Run as a script:
#   cmake -DROOT=<repository> -P ladder_test.cmake
# For every kernels/warpladder/<topic>/NN_name.cuh: ladder.cuh includes it and lists its type,
# info.step is NN, info.name is name, and docs/<topic>.md has a heading "## NN name". And ladder.cuh
# includes no rung that is not there, in rising order. A page may have a longer name than its topic.
cmake_minimum_required(VERSION 3.24)

set(page_of_gemm_tc gemm_tensor_cores)

set(problems "")
function(complain)
  string(CONCAT text ${ARGN})
  set(problems "${problems}  ${text}
" PARENT_SCOPE)
endfunction()

file(GLOB ladders ${ROOT}/kernels/warpladder/*/ladder.cuh)
if(NOT (ladders))
  complain("no ladder was found below ${ROOT}")
endif()
set(count 0)
foreach(ladder IN LISTS ladders)
  get_filename_component(folder ${ladder} DIRECTORY)
  get_filename_component(topic ${folder} NAME)
  file(READ ${ladder} registry)
  string(REGEX REPLACE "//[^\n]*" "" registry "${registry}")
  set(page docs/${topic}.md)
  if(DEFINED page_of_${topic})
    set(page docs/${page_of_${topic}}.md)
  endif()
  set(docs "")
  if(EXISTS ${ROOT}/${page})
    file(READ ${ROOT}/${page} docs)
  endif()

  file(GLOB rungs RELATIVE ${folder} ${folder}/[0-9][0-9]_*.cuh)
  list(SORT rungs)
  string(REGEX MATCHALL "<warpladder/${topic}/[0-9][0-9]_[a-z0-9_]+\\.cuh>" included "${registry}")
  list(TRANSFORM included REPLACE "<warpladder/${topic}/(.*)>" "\\1")
  if(NOT ("${included}" STREQUAL "${rungs}"))
    complain("${topic}: ladder.cuh includes '${included}', but on disk are '${rungs}'")
  endif()

  foreach(rung IN LISTS rungs)
    math(EXPR count "${count} + 1")
    string(REGEX MATCH "^([0-9][0-9])_([a-z0-9_]+)\\.cuh$" matched ${rung})
    set(step ${CMAKE_MATCH_1})
    set(name ${CMAKE_MATCH_2})
    file(READ ${folder}/${rung} source)

    if(NOT ("${source}" MATCHES "\nstruct ${name} (: [^{]+)?{"))
      complain("${topic}/${rung}: has no struct named ${name}")
    endif()
    if(NOT ("${registry}" MATCHES "rung_list<[^>]*[^a-z0-9_]${name}[^a-z0-9_]"))
      complain("${topic}: the rung_list in ladder.cuh lacks ${name}")
    endif()

    # info{3, "name", ...} or info{.step = 3, .name = "name", ...}
    string(REGEX MATCH "rung_info info{[ \n]*(\\.step = )?([0-9]+),[ \n]*(\\.name = )?\"([a-z0-9_]+)\""
           matched "${source}")
    set(info_step "${CMAKE_MATCH_2}")
    set(info_name "${CMAKE_MATCH_4}")
    if(NOT ("${info_name}" STREQUAL "${name}" AND "${info_step}" EQUAL "${step}"))
      complain("${topic}/${rung}: info says step '${info_step}', name '${info_name}'")
    endif()

    if(NOT ("\n${docs}" MATCHES "\n## ${step} ${name}[ \n]"))
      complain("${page} has no heading '## ${step} ${name}'")
    endif()
  endforeach()
endforeach()

if(problems)
  message(FATAL_ERROR "The ladders on disk, in code and in the docs disagree:\n${problems}")
endif()
message(STATUS "${count} rungs: files, registries and docs agree")
