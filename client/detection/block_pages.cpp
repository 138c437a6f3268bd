#include "client/detection/block_pages.hpp"

#include <algorithm>
#include <string>

namespace surang::client {
namespace {

// Places (hosts, paths, addresses) that block pages live at, as parts of a Location or of a frame's source.
// Gathered from published measurements of national and ISP block pages (OONI, Citizen Lab).
constexpr std::string_view kPlaces[] = {
    "surfsafely.pk",           // Pakistan
    "pta.gov.pk/blocked",      //
    "block.ptcl.",             //
    "10.10.34.34",             // Iran
    "10.10.34.35",             //
    "10.10.34.36",             //
    "peyvandha.ir",            //
    "airtel.in/dot",           // India
    "jio.com/blocked",         //
    "restrict.tatadocomo.",    //
    "eais.rkn.gov.ru",         // Russia
    "zapret-info.gov.ru",      //
    "warning.rt.ru",           //
    "blocked.mts.ru",          //
    "block.mts.ru",            //
    "lawfilter.ertelecom.ru",  //
    "fz139.ttk.ru",            //
    "blackhole.beeline.ru",    //
    "internetpositif.",        // Indonesia
    "internet-positif.",       //
    "trustpositif.",           //
    "mercusuar.uzone.id",      //
    "aduankonten.id",          //
    "195.175.254.2",           // Turkey
    "uyari.turktelekom.",      //
    "surfing-made-safe",       // United Arab Emirates
    "etisalat.ae/blocked",     //
    "block.nic.sa",            // Saudi Arabia
    "internet.gov.sa/block",   //
    "warning.or.kr",           // South Korea
    "175.139.142.25",          // Malaysia
    "blocked.sytes.",          // generic redirectors of filter boxes
    "/blockpage.",             //
    "fortiguard/block",        //
    "/cgi-bin/blockpage.cgi",  // Netsweeper
    "/webadmin/deny",          //
};

// Phrases in the page itself.
constexpr std::string_view kPhrases[] = {
    "Surf Safely!",
    "prohibited for viewership from within Pakistan",
    "Pakistan Telecommunication Authority",
    "blocked as per the instructions of",
    "blocked under instructions of",
    "Department of Telecommunications of Government of India",
    "URL has been blocked as per",
    "access to this site has been restricted by order of",
    "<title>Internet Positif",
    "www.internetpositif",
    "The requested website has been blocked by",
    "This website has been blocked by your Internet Service Provider",
    "The page you requested has been blocked",
    "Access to this website is not allowed in the Kingdom",
    "This site has been blocked by order of",
    "Netsweeper",
    "FortiGuard Intrusion Prevention - Access Blocked",
};

bool has(std::string_view text, std::string_view mark) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::search(text.begin(), text.end(), mark.begin(), mark.end(),
                     [&](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

}  // namespace

bool is_block_page_place(std::string_view location) {
  return std::any_of(std::begin(kPlaces), std::end(kPlaces), [&](auto mark) { return has(location, mark); });
}

bool is_block_page(std::string_view head, std::string_view body) {
  // An ordinary page may quote such a phrase; a block page is short and says little else.
  constexpr std::size_t kLooked = 4096;
  body = body.substr(0, kLooked);
  if (has(head, "\nvia: 1.1 blockpage") || has(head, "\nserver: protected by web filter")) return true;
  if (std::any_of(std::begin(kPhrases), std::end(kPhrases), [&](auto mark) { return has(body, mark); }))
    return true;
  // A frame or script redirect to a known place.
  if (!has(body, "<iframe") && !has(body, "http-equiv") && !has(body, "location")) return false;
  return std::any_of(std::begin(kPlaces), std::end(kPlaces), [&](auto mark) { return has(body, mark); });
}

}  // namespace surang::client
