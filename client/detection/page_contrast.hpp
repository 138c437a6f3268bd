// What an HTTP answer is worth beside its own words: a page or redirect that unrelated sites show here too,
// and a page that came before the site could send any. Pure; attempt asks it for every judged answer.
#pragma once

#include <string>

#include "client/detection/first_answer.hpp"
#include "client/detection/shared_pages.hpp"
#include "client/detection/way.hpp"

namespace surang::client {

/// What tells a short page, or a redirect to another site, from others: equal ones by two ways are the site's
/// own. Empty for every other answer.
std::string page_mark(const FirstAnswer& answer);

struct PageFacts {
  Way way = Way::direct;
  PageStanding standing = PageStanding::alone;  ///< of its mark
  bool early = false;                           ///< it came sooner than the site could have sent it
};

/// `answer`, valid or doubtful, in the light of `facts`. What a tunnel shows is the site's own word,
/// redirects included.
FirstAnswer weigh_page(FirstAnswer answer, const PageFacts& facts);

}  // namespace surang::client
