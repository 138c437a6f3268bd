// Whether somebody is looking.
#pragma once

namespace surang::bridge {

bool stdout_is_terminal() noexcept;

}  // namespace surang::bridge
