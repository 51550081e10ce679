# Compiler settings of every target of ours. Nothing is set globally, except what all code must agree on
# (language standard and sanitizers).
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(SLUICE_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, e.g. address,undefined")
option(SLUICE_FUZZ "Build the libFuzzer targets instead of the binaries (needs clang)" OFF)

# Frame pointers and line tables cost little and make a stack trace from production readable.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()

if(SLUICE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # the libraries too: coverage of their branches leads the fuzzer
endif()

add_library(sluice_options INTERFACE)
target_include_directories(sluice_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Woverloaded-virtual -Wold-style-cast -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 gives false alarms of both kinds in coroutines of Asio and in std::variant (GCC bugs 109224, 105562).
  # Clang checks the same code under the fuzz preset, valgrind and the sanitizers at run time.
  target_compile_options(sluice_options INTERFACE -Wno-mismatched-new-delete -Wno-maybe-uninitialized)
  if(SLUICE_SANITIZE MATCHES "thread")
    # Asio and libstdc++ use atomic_thread_fence, which TSan does not model; no finding of ours depends on one.
    target_compile_options(sluice_options INTERFACE -Wno-tsan)
  endif()
endif()
