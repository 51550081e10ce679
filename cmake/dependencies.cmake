# Every package comes from Debian 12; README.md says why each is here, deploy/setup.sh installs them.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
# Not find_package(prometheus-cpp): its config file wants civetweb, zlib and curl for parts we do not use.
pkg_check_modules(PrometheusCore REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(Argon2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(CAres REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(Bpf REQUIRED IMPORTED_TARGET libbpf>=1.1)
pkg_check_modules(Nftables REQUIRED IMPORTED_TARGET libnftables)
pkg_check_modules(PostgreSQL REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(Systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(TomlPlusPlus REQUIRED IMPORTED_TARGET tomlplusplus)

# malloc of the programs that serve. Sanitizers bring their own.
add_library(sluice_allocator INTERFACE)
if(NOT SLUICE_SANITIZE)
  pkg_check_modules(Jemalloc REQUIRED IMPORTED_TARGET jemalloc)
  target_link_libraries(sluice_allocator INTERFACE PkgConfig::Jemalloc)
endif()

# Asio, Beast and JSON are compiled once, not in every file that includes them.
add_library(sluice_boost STATIC
  ${PROJECT_SOURCE_DIR}/cmake/boost/asio.cpp
  ${PROJECT_SOURCE_DIR}/cmake/boost/beast.cpp
  ${PROJECT_SOURCE_DIR}/cmake/boost/json.cpp)
target_compile_definitions(sluice_boost PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION
  # A coroutine that waits with an idle connection would sit in a block that a larger one left behind.
  BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND SLUICE_SANITIZE)
  target_compile_options(sluice_boost PRIVATE -Wno-tsan)
endif()
target_link_libraries(sluice_boost PUBLIC Boost::headers Boost::url Threads::Threads)

# Asio's part of TLS, for connections between members only.
add_library(sluice_boost_ssl STATIC ${PROJECT_SOURCE_DIR}/cmake/boost/asio_ssl.cpp)
target_link_libraries(sluice_boost_ssl PUBLIC sluice_boost OpenSSL::SSL)
