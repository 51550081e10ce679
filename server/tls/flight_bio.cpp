#include "server/tls/flight_bio.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace sluice::tls {

namespace {

using Method = Handle<BIO_METHOD, BIO_meth_free>;

Flight& flight_of(BIO* bio) noexcept { return *static_cast<Flight*>(BIO_get_data(bio)); }

int read(BIO* bio, char* out, std::size_t size, std::size_t* read) noexcept {
  Flight& flight = flight_of(bio);
  BIO_clear_retry_flags(bio);
  const std::size_t count = std::min(size, flight.in.size());
  if (count == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(out, flight.in.data(), count);
  flight.in = flight.in.subspan(count);
  *read = count;
  return 1;
}

int write(BIO* bio, const char* in, std::size_t size, std::size_t* written) noexcept try {
  BIO_clear_retry_flags(bio);
  flight_of(bio).out.append(in, size);
  *written = size;
  return 1;
} catch (const std::bad_alloc&) {
  return 0;
}

long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

Method make_method() {
  Method method{BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice flight")};
  if (!method || BIO_meth_set_read_ex(method.get(), read) != 1 ||
      BIO_meth_set_write_ex(method.get(), write) != 1 || BIO_meth_set_ctrl(method.get(), control) != 1)
    throw std::bad_alloc{};
  return method;
}

}  // namespace

Bio make_flight_bio(Flight& flight) {
  static const Method method = make_method();
  Bio bio{BIO_new(method.get())};
  if (!bio) throw std::bad_alloc{};
  BIO_set_data(bio.get(), &flight);
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace sluice::tls
