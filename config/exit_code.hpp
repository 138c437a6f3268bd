// What both programs exit with: the numbers of sysexits.h, and 3 as LSB init scripts answer `status`.
#pragma once

namespace surang {

enum ExitCode { kOk = 0, kNotRunning = 3, kUsage = 64, kUnavailable = 69, kPermission = 77, kConfig = 78 };

}  // namespace surang
