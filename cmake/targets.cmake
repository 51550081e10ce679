# sluice_room(NAME SOURCES file... [DEPENDS target...])
# A room: the static library sluice_NAME, alias sluice::NAME.
function(sluice_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(sluice_${name} STATIC ${ARG_SOURCES})
  add_library(sluice::${name} ALIAS sluice_${name})
  target_link_libraries(sluice_${name} PUBLIC sluice_options ${ARG_DEPENDS})
endfunction()

# sluice_binary(NAME SOURCES file... [DEPENDS target...])
# A program people run; it lands in build/<preset>/bin/. The target `binaries` builds all of them, and no test.
add_custom_target(binaries)
function(sluice_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_options ${ARG_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  add_dependencies(binaries ${name})
endfunction()

# sluice_unit_test(NAME SOURCES file... [DEPENDS target...])
# A GoogleTest program, run as one ctest of label "unit".
function(sluice_unit_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_options GTest::gmock GTest::gtest_main ${ARG_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# sluice_embed(TARGET NAMESPACE file...)
# Compiles files into TARGET. Each becomes a std::string_view in the generated header embedded/<TARGET>.hpp:
# embedded file "pages/item.mustache" is NAMESPACE::item_mustache.
function(sluice_embed target namespace)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/embedded/${target}.hpp)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${target}.cpp)
  set(inputs ${ARGN})
  list(TRANSFORM inputs PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  add_custom_command(
    OUTPUT ${header} ${source}
    COMMAND ${CMAKE_COMMAND} -DHEADER=${header} -DSOURCE=${source} -DNAMESPACE=${namespace}
            "-DINPUTS=${inputs}" -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${inputs} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${header} ${source})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()

# sluice_fuzz(NAME SOURCE file CORPUS folder [DEPENDS target...])
# A libFuzzer program under the fuzz preset. ctest replays the named corpus (label "fuzz"), so that a crash once
# found becomes a regression test by adding one file. In other presets the same corpus runs through a plain main().
function(sluice_fuzz name)
  cmake_parse_arguments(ARG "" "SOURCE;CORPUS" "DEPENDS" ${ARGN})
  if(SLUICE_FUZZ)
    add_executable(${name} ${ARG_SOURCE})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${name} COMMAND ${name} -runs=0 ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  else()
    add_executable(${name} ${ARG_SOURCE} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    add_test(NAME ${name} COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  endif()
  target_link_libraries(${name} PRIVATE sluice_options ${ARG_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
