#include "client/control/commands.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <cstdio>
#include <iostream>
#include <optional>
#include <sstream>

#include "client/app.hpp"
#include "client/bridges/usable.hpp"
#include "client/control/bridge_words.hpp"
#include "client/control/capture_command.hpp"
#include "client/control/command_line.hpp"
#include "client/control/control_client.hpp"
#include "client/control/secrets.hpp"
#include "client/control/status_report.hpp"
#include "client/offline.hpp"
#include "client/pt/pt_program.hpp"
#include "config/client_config.hpp"
#include "config/command_line.hpp"

namespace surang::client {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kCheckLimit{60};  // `check` tries every way

struct Arguments {
  std::filesystem::path config = config::default_client_config_path();
  bool as_json = false, wire = false;
  std::vector<std::string> links, lan;
  std::string host, action, pattern, log, behind;
};

std::string with_host(const std::string& path, const std::string& host) {
  return path + "?host=" + boost::urls::encode(host, boost::urls::unreserved_chars);
}

// Tells a running client that the file has changed; says what came of it.
int reload_running(const config::ClientOptions& options, const std::string& done) {
  const auto answer = ask_client(control_socket(options.state_dir), "POST", "/reload", kAnswerLimit);
  if (!answer && nobody_there(answer.error())) {
    std::cout << done << ". It holds from the next start: surang run\n";
    return kOk;
  }
  if (!answer) {
    std::cout << done << ".\n";
    return complain(kUnavailable, "the running Surang could not be told (" + answer.error().message() +
                                      "): restart it, or send it HUP");
  }
  const auto* error = answer->body.is_object() ? answer->body.get_object().if_contains("error") : nullptr;
  if (error) return complain(kConfig, "the running Surang did not take it: " + json::serialize(*error));
  std::cout << done << ". The running Surang uses it now.\n";
  return kOk;
}

int run(const Arguments& args) {
  auto loaded = load_config(args.config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  return run_client(args.config, std::move(loaded.options));
}

int failed_write(const error_code& e, const std::string& why) {
  if (e == Errc::bad_input) return complain(kConfig, why);
  return complain(e == std::errc::permission_denied ? kPermission : kUnavailable, why);
}

// A link that this version can use, and what for.
struct UsableLink {
  config::ShareLink link;
  std::string name, transports;

  bool same(const config::ShareLink& other) const {
    return other.bridge == link.bridge && other.transports == link.transports;
  }
};

// Says itself what is wrong with a link; nothing then.
std::optional<UsableLink> usable_link(const std::string& text, const std::string& behind) {
  std::string why;
  const auto link = parse_bridge_text(text, behind, why);
  if (!link) {
    complain(kUsage, why);
    return std::nullopt;
  }
  UsableLink out{*link, link->name.empty() ? link->bridge.hosts.front() : link->name, {}};
  std::string unusable;
  for (const auto& spec : link->transports) {
    std::string problem;
    if (usable(*link, spec, problem))
      out.transports += (out.transports.empty() ? "" : ", ") + label(spec);
    else
      unusable += "\n  " + label(spec) + ": " + problem;
  }
  if (out.transports.empty()) {
    complain(kUsage, "nothing in the link of " + out.name + " can be used by this version:" + unusable);
    return std::nullopt;
  }
  if (!unusable.empty()) complain(kOk, "not used from the link of " + out.name + ':' + unusable);
  return out;
}

// All of the links, or none.
int add(const Arguments& args) {
  std::vector<UsableLink> links;
  for (const auto& text : bridge_texts(args.links)) {
    auto link = usable_link(text, args.behind);
    if (!link) return kUsage;
    const auto same = [&](const UsableLink& other) { return other.same(link->link); };
    if (std::ranges::none_of(links, same)) links.push_back(std::move(*link));
  }
  const auto loaded = load_or_default(args.config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  std::vector<config::ShareLink> fresh;
  std::string names;
  for (const auto& link : links) {
    const auto same = [&](const config::ShareLink& known) { return link.same(known); };
    if (std::ranges::any_of(loaded.options.bridges, same)) {
      std::cout << "The bridge " << link.name << " is there already.\n";
      continue;
    }
    names += (names.empty() ? "" : ", ") + link.name + " (" + link.transports + ')';
    fresh.push_back(link.link);
  }
  if (fresh.empty()) return kOk;
  std::string why;
  if (const auto ok = config::append_bridges(args.config, fresh, why); !ok)
    return failed_write(ok.error(), why);
  return reload_running(loaded.options, (fresh.size() == 1 ? "Added the bridge " : "Added the bridges ") +
                                            names + " to " + args.config.string());
}

int status(const Arguments& args) {
  const auto loaded = load_or_default(args.config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  const auto answer = ask_client(control_socket(loaded.options.state_dir), "GET", "/status", kAnswerLimit);
  if (!answer) return unreachable(answer.error());
  if (args.as_json)
    print(answer->body);
  else
    std::cout << (answer->body.is_object() ? status_text(answer->body.get_object()) : "");
  return kOk;
}

// `why` and `check`: by the running client, else by ourselves from what was learnt.
int ask_about(const Arguments& args, const std::string& what) {
  if (!Endpoint::parse(args.host, 443))
    return complain(kUsage, "'" + args.host + "' is not a host name; give it as in x.com");
  const auto loaded = load_or_default(args.config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  const bool check = what == "check";
  const auto answer = ask_client(control_socket(loaded.options.state_dir), check ? "POST" : "GET",
                                 with_host('/' + what, args.host), check ? kCheckLimit : kAnswerLimit);
  if (!answer && !nobody_there(answer.error())) return unreachable(answer.error());
  json::object body;
  if (!answer) {
    complain(kOk, "Surang is not running; this is what it would say.");
    body = ask_offline(loaded.options, what, args.host);
  } else if (answer->body.is_object()) {
    body = answer->body.get_object();
  }
  if (args.as_json) {
    print(body);
  } else if (const auto* text = body.if_contains("text"); text && text->is_string()) {
    std::cout << std::string_view(text->get_string()) << '\n';
  }
  return body.contains("error") ? kUsage : kOk;
}

// How the connection to each bridge begins, as a watcher sees it; nothing is sent.
int show_wire(const Arguments& args) {
  const auto loaded = load_or_default(args.config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  json::array all;
  for (const auto& link : loaded.options.bridges) {
    const auto& bridge = link.name.empty() ? link.bridge.hosts.front() : link.name;
    for (const auto& spec : link.transports) {
      std::string why;
      const auto ja4 = hello_ja4(spec, link.bridge, why);
      if (!ja4) continue;
      if (!args.as_json) std::cout << label(spec) << '@' << bridge << ": JA4 " << *ja4 << '\n';
      all.push_back({{"bridge", bridge}, {"transport", label(spec)}, {"ja4", *ja4}});
    }
  }
  if (all.empty())
    return complain(kUsage, "there is no bridge whose connection could be shown: surang add LINK");
  if (args.as_json) print(all);
  return kOk;
}

int check(const Arguments& args) {
  if (args.wire) return show_wire(args);
  if (args.host.empty()) return complain(kUsage, "say which host to check, as in: surang check x.com");
  return ask_about(args, "check");
}

int list_rules(const Arguments& args) {
  const auto loaded = load_or_default(args.config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  if (args.as_json) {
    json::array rules;
    for (const auto& rule : loaded.options.rules)
      rules.push_back({{"action", config::to_string(rule.action)}, {"pattern", rule.pattern}});
    print(rules);
    return kOk;
  }
  for (const auto& rule : loaded.options.rules)
    std::cout << config::to_string(rule.action) << ' ' << rule.pattern << '\n';
  if (loaded.options.rules.empty()) std::cout << "No rules: Surang finds out by itself what is blocked.\n";
  return kOk;
}

int add_rule(const Arguments& args) {
  const auto action = config::parse_rule_action(args.action);
  if (!action)
    return complain(kUsage, "'" + args.action + "' is none of always-tunnel, always-direct, never");
  if (!config::valid_rule_pattern(args.pattern))
    return complain(kUsage,
                    "'" + args.pattern +
                        "' is no pattern: give example.com (it and all below), =example.com (only it), "
                        "*.example.com (only below), an address or a range");
  const auto loaded = load_or_default(args.config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  std::string why;
  bool replaced = false;
  for (const auto& rule : loaded.options.rules) {
    if (rule.pattern != args.pattern) continue;
    if (rule.action == *action) {
      std::cout << "This rule is there already.\n";
      return kOk;
    }
    replaced = true;
  }
  if (replaced)
    if (const auto ok = config::remove_rule(args.config, args.pattern, why); !ok)
      return failed_write(ok.error(), why);
  const config::Rule rule{*action, args.pattern};
  if (const auto ok = config::append_rule(args.config, rule, why); !ok) return failed_write(ok.error(), why);
  return reload_running(loaded.options, (replaced ? "Changed the rule to: " : "Added the rule: ") +
                                            args.action + ' ' + args.pattern);
}

int remove_rule(const Arguments& args) {
  const auto loaded = load_or_default(args.config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  std::string why;
  std::error_code ignored;
  if (!std::filesystem::exists(args.config, ignored)) return complain(kUsage, "there are no rules");
  const auto removed = config::remove_rule(args.config, args.pattern, why);
  if (!removed) return failed_write(removed.error(), why);
  if (*removed == 0) return complain(kUsage, "there is no rule for " + args.pattern + " (surang rules list)");
  return reload_running(loaded.options, "Removed the rule for " + args.pattern);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  // Stdout is for the answer, and with --json a program reads it.
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("surang", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()));
  spdlog::set_level(spdlog::level::warn);
  Arguments args;
  int result = kOk;
  CLI::App app("Reaches every site directly while that works, and carries the blocked ones through a bridge.",
               "surang");
  app.set_version_flag("--version", std::string("surang ") + SURANG_VERSION);
  app.add_option("--config", args.config, "configuration file")->capture_default_str();
  config::require_command(app);
  app.fallthrough();

  const auto command = [&](CLI::App& parent, const char* name, const char* what,
                           int (*act)(const Arguments&)) {
    auto* sub = parent.add_subcommand(name, what);
    sub->callback([&args, &result, act] { result = act(args); });
    return sub;
  };
  const auto json_flag = [&](CLI::App* sub) { sub->add_flag("--json", args.as_json, "for programs"); };
  command(app, "run", "be the proxy, until Ctrl-C", run);
  auto* adding = command(app, "add", "add bridges by their links", add);
  adding->add_option("LINK", args.links, "surang://..., or a bridge line: obfs4 ADDRESS:PORT cert=...")
      ->required();
  adding->add_option("--behind", args.behind, "what stands behind the bridges of bridge lines: socks5")
      ->check(CLI::IsMember({"socks5"}));
  json_flag(command(app, "status", "what runs, which bridges answer, what is blocked here", status));
  auto* why = command(app, "why", "which way a host goes, and why",
                      [](const Arguments& a) { return ask_about(a, "why"); });
  why->add_option("HOST", args.host, "x.com")->required();
  json_flag(why);
  auto* try_all = command(app, "check", "try every way to a host now", check);
  try_all->add_option("HOST", args.host, "x.com");
  try_all->add_flag("--wire", args.wire,
                    "instead: how the connection to each bridge looks to a watcher (JA4)");
  json_flag(try_all);
  auto* capturing =
      app.add_subcommand("capture", "take the traffic of all programs, without a proxy setting (Linux)");
  config::require_command(*capturing);
  auto* switched_on = command(*capturing, "on", "until `off`, or until Surang ends",
                              [](const Arguments& a) { return capture_on(a.config, a.lan, a.as_json); });
  switched_on->add_option("--lan", args.lan, "also what comes in by this network interface, from a household")
      ->check([](const std::string& name) {
        return config::valid_interface(name) ? "" : "'" + name + "' is no name of a network interface";
      });
  json_flag(switched_on);
  json_flag(command(*capturing, "off", "no more; also what a Surang that was killed has left",
                    [](const Arguments& a) { return capture_off(a.config, a.as_json); }));
  auto* rules = app.add_subcommand("rules", "what is never left to Surang to find out");
  config::require_command(*rules);
  json_flag(command(*rules, "list", "show them", list_rules));
  auto* rule_add = command(*rules, "add", "add one", add_rule);
  rule_add->add_option("ACTION", args.action, "always-tunnel, always-direct or never")->required();
  rule_add
      ->add_option("PATTERN", args.pattern, "example.com, =example.com, *.example.com, an address, a range")
      ->required();
  command(*rules, "remove", "remove one", remove_rule)
      ->add_option("PATTERN", args.pattern, "as it was added")
      ->required();
  auto* transport = command(app, "pt", "be the obfs4 of a Tor, which starts it",
                            [](const Arguments& a) { return pt::run_pt(a.log); });
  transport->add_option("--log", args.log, "log to stderr: debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  transport->footer(std::string(pt::kTorrcHelp));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // What was not expected is quoted, and may be a link.
    std::ostringstream out, errors;
    const int status = app.exit(e, out, errors);
    std::cout << out.str();
    std::cerr << without_links(errors.str());
    return status == 0 ? kOk : kUsage;
  } catch (const std::exception& e) {
    return complain(kUnavailable, e.what());
  }
  return result;
}

}  // namespace surang::client
