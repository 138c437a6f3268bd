// How nghttp2 calls into an H2Session: the one table of callbacks, and the source of a stream's DATA.
#pragma once

#include <nghttp2/nghttp2.h>

namespace surang::tunnel {

/// Made once, never freed.
const nghttp2_session_callbacks* h2_callbacks();

/// Takes from the stream's pending write without copying (NGHTTP2_DATA_FLAG_NO_COPY).
nghttp2_data_provider h2_data_provider();

}  // namespace surang::tunnel
