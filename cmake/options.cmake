set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(WAYBILL_TESTS "Build the tests" ON)
option(WAYBILL_FUZZ "Instrument everything for libFuzzer (clang)" OFF)
set(WAYBILL_SANITIZE "" CACHE STRING "Sanitizers for everything we compile, for example address,undefined")

# A mutant breaks one promise on purpose, to see whether the tests notice. Its switch is a small #ifdef at
# the place that keeps the promise; nothing that is shipped can be built with one.
set(WAYBILL_MUTANT "" CACHE STRING "Build everything with one mutant, for example no_fencing (tests only)")
if(WAYBILL_MUTANT)
  if(NOT WAYBILL_TESTS)
    message(FATAL_ERROR "WAYBILL_MUTANT=${WAYBILL_MUTANT} is for tests: build them too (-DWAYBILL_TESTS=ON), or leave it out.")
  endif()
  string(TOUPPER "WAYBILL_MUTANT_${WAYBILL_MUTANT}" mutant_switch)
  file(GLOB_RECURSE mutant_sources ${CMAKE_SOURCE_DIR}/src/*.cpp)
  set(mutant_found FALSE)
  foreach(source ${mutant_sources})
    file(STRINGS ${source} found REGEX "^#ifn?def ${mutant_switch}$")
    if(found)
      set(mutant_found TRUE)
    endif()
  endforeach()
  if(NOT mutant_found)
    message(FATAL_ERROR "There is no mutant ${WAYBILL_MUTANT}: grep -rh WAYBILL_MUTANT_ src shows those there are.")
  endif()
  add_compile_definitions(${mutant_switch})
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Warnings of our own code; headers of libraries are SYSTEM.
add_library(waybill_options INTERFACE)
target_compile_options(waybill_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough -Werror)
target_include_directories(waybill_options INTERFACE ${CMAKE_SOURCE_DIR}/src)

if(WAYBILL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(WAYBILL_SANITIZE)
  add_compile_options(-fsanitize=${WAYBILL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WAYBILL_SANITIZE})
  if(WAYBILL_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC 12 loses sight of an optional's flag among the sanitizer's calls.
    add_compile_options(-Wno-tsan -Wno-maybe-uninitialized)
  endif()
else()
  # Hardening of what is shipped; tests/hardening looks for it in the binary.
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection)
  add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=3>)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
