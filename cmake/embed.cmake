# waybill_embed(<target> <document.yaml> <file>=<media type>...)
# The API's document, as JSON, and files as they are, inside the binary: src/http/assets.hpp finds them.
# Debian's interpreter, which sees Debian's yaml whatever else is on the PATH.
find_program(WAYBILL_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

function(waybill_embed target document)
  set(folder ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${folder})
  set(paths)
  foreach(file ${ARGN})
    string(REGEX REPLACE "=.*" "" path ${file})
    list(APPEND paths ${path})
  endforeach()
  add_custom_command(
    OUTPUT ${folder}/assets.cpp ${folder}/openapi.json
    COMMAND ${WAYBILL_PYTHON} ${CMAKE_SOURCE_DIR}/cmake/embed.py ${folder}/assets.cpp ${folder} ${document} ${ARGN}
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed.py ${document} ${paths}
    VERBATIM)
  target_sources(${target} PRIVATE ${folder}/assets.cpp)
endfunction()
