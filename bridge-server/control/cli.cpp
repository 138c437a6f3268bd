#include "bridge-server/control/cli.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <chrono>
#include <ctime>
#include <iostream>
#include <map>

#include "bridge-server/control/control_client.hpp"
#include "bridge-server/control/installation.hpp"
#include "bridge-server/control/qr.hpp"
#include "bridge-server/control/terminal.hpp"
#include "bridge-server/cover/cover_choice.hpp"
#include "bridge-server/keys.hpp"
#include "bridge-server/server.hpp"
#include "config/bridge_config.hpp"
#include "config/command_line.hpp"
#include "config/exit_code.hpp"

namespace surang::bridge {
namespace {

// "2027-01-31", the first moment of that day in UTC.
std::int64_t unix_day(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0;
  char rest = 0;
  if (text.size() == 10 && std::sscanf(text.c_str(), "%4d-%2u-%2u%c", &year, &month, &day, &rest) == 3) {
    const auto date = std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
    if (date.ok()) return std::chrono::sys_seconds(std::chrono::sys_days(date)).time_since_epoch().count();
  }
  throw CommandFailure(kUsage, "--expires: '" + text + "' is not a date such as 2027-01-31");
}

std::string day_text(std::int64_t unix_seconds) {
  const std::chrono::year_month_day date(
      std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(unix_seconds))));
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

std::string gigabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

void print_link(const config::ShareLink& link, bool always_qr) {
  const auto text = config::format_share_link(link);
  std::cout << text << "\n";
  if (always_qr || stdout_is_terminal()) std::cout << "\n" << qr_code(text);
}

void print_firewall(const std::vector<TransportSpec>& transports) {
  std::string all, ufw, firewalld;
  std::map<std::string_view, std::string> ports;  // of each protocol
  for (const auto& transport : transports) {
    const std::string_view protocol = transport.name == "quic" ? "udp" : "tcp";
    const auto port = std::to_string(transport.port);
    auto& of_protocol = ports[protocol];
    of_protocol += (of_protocol.empty() ? "" : ", ") + port;
    const auto rule = port + '/' + std::string(protocol);
    all += (all.empty() ? "" : ", ") + rule;
    ufw += "  ufw:       ufw allow " + rule + '\n';
    firewalld += " --add-port=" + rule;
  }
  std::cout << "\nOpen port" << (transports.size() > 1 ? "s " : " ") << all << " where a firewall is on:\n"
            << ufw << "  firewalld: firewall-cmd --permanent" << firewalld << " && firewall-cmd --reload\n";
  for (const auto& [protocol, list] : ports)
    std::cout << "  nftables:  nft add rule inet filter input " << protocol << " dport '{ " << list
              << " }' accept\n";
  std::cout << "Then start it: surang-bridge run\n";
}

// A bridge that is not running reads the users when it starts.
void tell_running_bridge(const config::BridgeOptions& options) {
  const auto told = ask_running_bridge(control_socket(options.state_dir), {{"do", "reload-users"}});
  if (!told && told.error() == Errc::timed_out)
    throw CommandFailure(kUnavailable, "written, but the running bridge did not answer; restart it");
  if (told && !told->contains("ok"))
    throw CommandFailure(kUnavailable, "written, but the running bridge could not read it; see its log");
}

void list_users(const std::vector<UserRecord>& users, bool as_json) {
  if (as_json) {
    boost::json::array all;
    for (const auto& user : users) {
      boost::json::object one{{"name", user.name}, {"created", user.created}, {"used_bytes", user.used}};
      if (user.expires) one["expires"] = *user.expires;
      if (user.quota) one["quota_bytes"] = *user.quota;
      all.push_back(std::move(one));
    }
    std::cout << boost::json::serialize(all) << "\n";
    return;
  }
  std::printf("%-24s %-11s %-11s %s\n", "name", "created", "expires", "used");
  for (const auto& user : users)
    std::printf("%-24s %-11s %-11s %s%s\n", user.name.c_str(), day_text(user.created).c_str(),
                user.expires ? day_text(*user.expires).c_str() : "never", gigabytes(user.used).c_str(),
                user.quota ? (" of " + gigabytes(*user.quota)).c_str() : "");
}

int show_status(const config::BridgeOptions& options, bool as_json) {
  const auto status = ask_running_bridge(control_socket(options.state_dir), {{"do", "status"}});
  if (!status) {
    if (as_json)
      std::cout << "{\"running\":false}\n";
    else
      std::cout << "not running\n";
    return kNotRunning;
  }
  auto object = *status;
  if (as_json) {
    object["running"] = true;
    std::cout << boost::json::serialize(object) << "\n";
    return 0;
  }
  const auto number = [&](const char* key) { return object[key].to_number<std::uint64_t>(); };
  std::cout << "running" << (object["draining"].as_bool() ? ", stopping when its connections have ended" : "")
            << "\n"
            << "users:        " << number("users") << ", sessions open now: " << number("open_sessions")
            << "\n"
            << "carried:      " << number("streams") << " connections, " << gigabytes(number("bytes_up"))
            << " up, " << gigabytes(number("bytes_down")) << " down\n"
            << "by edges:     " << number("fronted_sessions") << " sessions, by " << number("fronted_gets")
            << " GETs and " << number("fronted_posts") << " POSTs, " << number("fronted_two_way")
            << " of them two-way\n"
            << "by quic:      " << number("quic_users") << " connections begun\n"
            << "strangers:    " << number("strangers")
            << " shown the cover site, of them replays: " << number("replays")
            << ", outdated: " << number("stale") << "\n"
            << "              " << number("obfs4_strangers")
            << " shown nothing by obfs4, with its certificate but no user's: "
            << number("obfs4_unknown_users") << "\n"
            << "              " << number("quic_strangers")
            << " datagrams on the quic port that nobody's session sent\n"
            << "              " << number("fronted_strangers")
            << " requests by edges that were no user's, for sessions that are no more: "
            << number("fronted_lost") << ", over a limit: " << number("fronted_limited") << "\n"
            << "refused:      " << number("refused_destination") << " destinations, "
            << number("refused_streams") << " connections over the limit, " << number("refused_headers")
            << " oversized headers, " << number("refused_proof") << " wrong proofs, "
            << number("refused_address") << " of crowded addresses\n"
            << "floods cut:   " << number("cut_for_resets") << " of resets, " << number("cut_for_pings")
            << " of pings, " << number("cut_for_continuations") << " of continuations, "
            << number("cut_for_other_floods") << " others\n";
  return 0;
}

// The commands, as CLI11 calls them; `code` becomes the exit code.
struct Commands {
  std::filesystem::path config_file = config::default_bridge_config_path();
  InitRequest init;
  std::string name, expires;
  double quota = 0;
  bool qr = false, json = false;
  int code = 0;

  config::BridgeOptions options() const { return load_installation(config_file); }

  void propose_cover() {
    std::cout << "Looking for a site to show to strangers...\n";
    const auto best = choose_cover();
    if (!best)
      throw CommandFailure(
          kUnavailable, "none of the known sites can be reached from here; name one with --cover SITE:443");
    init.cover = best->site.to_string();
    std::cout << "Strangers are shown " << init.cover << " (" << best->took.count()
              << " ms from here); --cover SITE:443 chooses another.\n";
    if (!best->remark.empty()) std::cout << "Note: " << best->site.host() << " " << best->remark << ".\n";
  }

  void do_init() {
    init.config_file = config_file;
    if (init.cover.empty()) propose_cover();
    const auto link = make_installation(init);
    std::cout << "Configuration: " << config_file.string() << "\n\nThe link for '" << init.user
              << "'; whoever has it can use this bridge:\n\n";
    print_link(link, qr);
    print_firewall(link.transports);
  }

  void do_add() {
    const auto opts = options();
    std::optional<std::int64_t> until;
    if (!expires.empty()) until = unix_day(expires);
    std::optional<std::uint64_t> bytes;
    if (quota > 0) bytes = static_cast<std::uint64_t>(quota * 1e9);
    UserStore users(users_file(opts.state_dir));
    std::string why;
    const auto user = users.add(name, until, bytes, why);
    if (!user) throw CommandFailure(kUsage, why);
    tell_running_bridge(opts);
    print_link(link_for(opts, *user), qr);
  }

  void do_list() {
    const auto opts = options();
    list_users(UserStore(users_file(opts.state_dir)).list(), json);
  }

  void do_remove() {
    const auto opts = options();
    if (!UserStore(users_file(opts.state_dir)).remove(name))
      throw CommandFailure(kUsage, "there is no user '" + name + "'");
    tell_running_bridge(opts);
  }

  void do_link() {
    const auto opts = options();
    const auto user = UserStore(users_file(opts.state_dir)).find(name);
    if (!user) throw CommandFailure(kUsage, "there is no user '" + name + "'");
    print_link(link_for(opts, *user), qr);
  }
};

void describe(CLI::App& app, Commands& commands) {
  app.set_version_flag("--version", SURANG_VERSION);
  app.add_option("-c,--config", commands.config_file, "the configuration file")->capture_default_str();
  config::require_command(app);
  app.fallthrough();

  auto* init = app.add_subcommand("init", "make configuration, keys and the first user; prints the link");
  init->add_option("--host", commands.init.hosts, "a name or address where clients reach this bridge")
      ->required();
  init->add_option("--cover", commands.init.cover,
                   "the site that strangers are shown, SITE:443; default: the best of some well-known ones");
  init->add_option("--sni", commands.init.sni, "the name clients show; default: the cover's");
  init->add_option("--listen", commands.init.listen,
                   "address and port to listen on; default: port 443 of every address");
  init->add_option("--obfs4-port", commands.init.obfs4_port,
                   "port of the obfs4 transport, 0 for none; default: one drawn at random");
  init->add_option("--quic-port", commands.init.quic_port,
                   "UDP port of the quic transport, 0 for none; default: one drawn at random");
  init->add_option("--state-dir", commands.init.state_dir, "where keys and users are kept");
  init->add_option("--user", commands.init.user, "the first user's name")->capture_default_str();
  init->add_flag("--force", commands.init.force, "replace an installation, its keys and its users");
  init->add_flag("--qr", commands.qr, "print the QR code even when the output is no terminal");
  init->callback([&] { commands.do_init(); });

  app.add_subcommand("run", "serve until stopped")->callback([&] {
    commands.code = run_server(commands.options(), commands.config_file);
  });

  auto* user = app.add_subcommand("user", "who may use this bridge");
  config::require_command(*user);
  auto* add = user->add_subcommand("add", "let somebody in; prints the link");
  add->add_option("name", commands.name)->required();
  add->add_option("--expires", commands.expires, "the day on which it ends, YYYY-MM-DD (UTC)");
  add->add_option("--quota", commands.quota, "how much may pass, in GB")->check(CLI::PositiveNumber);
  add->add_flag("--qr", commands.qr, "print the QR code even when the output is no terminal");
  add->callback([&] { commands.do_add(); });
  auto* list = user->add_subcommand("list", "who is in");
  list->add_flag("--json", commands.json);
  list->callback([&] { commands.do_list(); });
  auto* remove = user->add_subcommand("remove", "cut somebody off, at once");
  remove->add_option("name", commands.name)->required();
  remove->callback([&] { commands.do_remove(); });

  auto* link = app.add_subcommand("link", "print somebody's link again");
  link->add_option("name", commands.name)->required();
  link->add_flag("--qr", commands.qr, "print the QR code even when the output is no terminal");
  link->callback([&] { commands.do_link(); });

  auto* status = app.add_subcommand("status", "how the running bridge is doing");
  status->add_flag("--json", commands.json);
  status->callback([&] { commands.code = show_status(commands.options(), commands.json); });
}

}  // namespace

int run_cli(int argc, const char* const* argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("surang-bridge"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  Commands commands;
  CLI::App app(
      "The far end of Surang: carries what its users ask for, and shows everybody else the cover site.",
      "surang-bridge");
  describe(app, commands);
  try {
    app.parse(argc, argv);
    return commands.code;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  } catch (const CommandFailure& e) {
    std::cerr << "surang-bridge: " << e.what() << "\n";
    return e.code;
  } catch (const std::exception& e) {
    std::cerr << "surang-bridge: " << e.what() << "\n";
    return kUnavailable;
  }
}

}  // namespace surang::bridge
