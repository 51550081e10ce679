#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/strict.hpp"

/// The chunked transfer coding (RFC 9112 section 7.1), bounded in everything.
namespace sluice::http {

/// Decodes one chunked body. Takes bytes in any portions and looks at each once. Beast's own reader is not
/// used here: it wants every chunk header and the whole trailer section in one piece and bounds neither, and
/// it accepts line ends that other servers read differently.
class ChunkedReader {
 public:
  struct Progress {
    std::size_t consumed;
    bool complete;  ///< The body has ended; what was not consumed belongs to the next request.
  };

  /// Appends decoded bytes to `body`, which must only ever grow by this call. After a refusal the reader is
  /// of no use until `reset()`.
  Checked<Progress> feed(std::string_view bytes, const Limits& limits, std::string& body);
  void reset() noexcept { *this = ChunkedReader{}; }

 private:
  enum class State : std::uint8_t {
    size,             // digits of a chunk size
    extension,        // behind a size or an extension: blank, ';' or the line's end
    extension_name0,  // behind ';'
    extension_name,
    extension_equals,  // blank behind a name: '=', ';' or the line's end
    extension_value0,  // behind '='
    extension_token,
    extension_quoted,
    extension_escaped,
    blank_then_semicolon,  // blank behind a complete size or extension: only ';' may follow
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer0,  // at the start of a trailer line, or of the empty line that ends the body
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
    complete,
  };

  std::optional<Refusal> on_control(char c, const Limits& limits, std::size_t body_size) noexcept;
  std::optional<Refusal> on_size(char c, const Limits& limits, std::size_t body_size) noexcept;
  std::optional<Refusal> on_extension(char c, const Limits& limits) noexcept;
  std::optional<Refusal> on_trailer(char c, const Limits& limits) noexcept;
  std::optional<Refusal> on_end_of_element(char c) noexcept;

  State state_ = State::size;
  std::uint8_t digits_ = 0;
  std::uint64_t left_ = 0;  // of the chunk being announced or read
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace sluice::http
