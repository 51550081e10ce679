# Script: writes HEADER and SOURCE with one std::string_view per file of INPUTS (see sluice_embed).
set(declarations "#pragma once\n#include <string_view>\nnamespace ${NAMESPACE} {\n")
set(definitions "#include \"${HEADER}\"\nnamespace ${NAMESPACE} {\n")
foreach(input IN LISTS INPUTS)
  get_filename_component(name ${input} NAME)
  string(MAKE_C_IDENTIFIER ${name} id)
  file(READ ${input} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(APPEND declarations "extern const std::string_view ${id};\n")
  string(APPEND definitions
    "static const unsigned char ${id}_bytes[] = {${bytes}0};\n"
    "const std::string_view ${id}{reinterpret_cast<const char*>(${id}_bytes), ${size}};\n")
endforeach()
file(WRITE ${HEADER} "${declarations}}\n")
file(WRITE ${SOURCE} "${definitions}}\n")
