internal import GateModel
internal import GateTelemetry

extension SettingsKey {
    /// Every key of the settings file, in the order in which `init` writes them.
    package static let all: [SettingsKey] = [
        .scalar(
            "node.workers", "Kernel workers that `quantumgate node` starts", example: "2", \.node.workers,
            parse: number(NodeLocalSettings.workersRange), write: { "\($0)" }),
        .list(
            "peers.listen", "Addresses on which other nodes reach this one",
            example: "[\"0.0.0.0:7700\", \"[::]:7700\"]",
            most: PeerListenSettings.listenCountMax, \.peers.listen, parse: endpoint, write: quoted),
        .list(
            "peers.advertise", "Addresses to tell others, where they differ from peers.listen",
            example: "[\"node.example.org:7700\"]", most: PeerListenSettings.listenCountMax, \.peers.advertise,
            parse: endpoint, write: quoted),
        .scalar(
            "peers.sharedSecretFile", "File with the network's global shared secret", example: "secrets/network.key",
            \.peers.sharedSecretFile, parse: { text throws(BadValue) in try filePath(text) }, write: { $0.map(quoted) }),
        otherSecretsKey,
        .list(
            "peers.proxyFrom", "Balancers that send a PROXY header (version 2); then only they may connect",
            example: "[\"10.0.0.0/24\"]", most: PeerListenSettings.proxyCountMax, \.peers.proxyFrom, parse: block,
            write: { "\"\($0)\"" }),
        .scalar(
            "peers.newestVersion", "Newest version of the peer protocol that workers speak", example: "1",
            \.peers.newestVersion, parse: number(PeerListenSettings.versionsRange), write: { "\($0)" }),
        .scalar(
            "kernel.link", "Where worker 1 takes links of extenders; worker n listens n - 1 ports further",
            example: "127.0.0.1:7710", \.kernel.link, parse: endpoint, write: quoted),
        .scalar(
            "kernel.advertise", "Where extenders are told to attach: auto, a host, or a host and port",
            example: "kernel.example.org:7710", \.kernel.advertise, parse: advertisement, write: { quoted($0.text) }),
        .scalar(
            "kernel.admin", "Metrics and health of worker 1 (worker n > 1: n + 8 ports further)",
            example: "127.0.0.1:7730", \.kernel.admin, parse: endpoint, write: quoted),
        .scalar(
            "kernel.eventLoops", "Event loops of a worker; 0: its share of the processors", example: "2",
            \.kernel.eventLoops,
            parse: number(KernelLocalSettings.eventLoopsRange), write: { "\($0)" }),
        .scalar(
            "database.kind", "What keeps the data: sqlite or postgresql", example: "sqlite", \.database.kind,
            parse: choice,
            write: { $0.rawValue }),
        .scalar(
            "database.path", "SQLite's file", example: "data/node.sqlite", \.database.path, parse: filePath,
            write: quoted),
        .scalar(
            "database.url", "PostgreSQL's URL, without a password; several hosts for a primary with standbys",
            example: "postgresql://gate@db.example.org/gate?sslmode=verify-full", \.database.url,
            parse: { text throws(BadValue) in try serverURL(text) }, write: { $0.map(quoted) }),
        .scalar(
            "database.passwordFile", "File with the password of PostgreSQL's role", example: "secrets/postgresql",
            \.database.passwordFile, parse: { text throws(BadValue) in try filePath(text) },
            write: { $0.map(quoted) }),
        .scalar(
            "database.allowPlain", "Whether a PostgreSQL on another machine need not prove itself", example: "false",
            \.database.allowPlain, parse: truth, write: { "\($0)" }),
        .scalar(
            "database.vaultKeyFile", "File with the key of the identity vault", example: "secrets/vault.key",
            \.database.vaultKeyFile, parse: filePath, write: quoted),
        .scalar(
            "database.link", "Where the database service takes links", example: "127.0.0.1:7720", \.database.link,
            parse: endpoint, write: quoted),
        .list(
            "database.endpoints", "Where to dial the database service's replicas; none: at database.link",
            example: "[\"database-1:7720\", \"database-2:7720\"]", most: DatabaseLocalSettings.endpointCountMax,
            \.database.endpoints, parse: endpoint, write: quoted),
        .scalar(
            "database.admin", "Metrics and health of the database service", example: "127.0.0.1:7731",
            \.database.admin, parse: endpoint, write: quoted),
        .scalar(
            "socks5.enabled", "Whether `quantumgate node` starts the SOCKS5 extender", example: "true",
            \.socks5.enabled, parse: truth, write: { "\($0)" }),
        .scalar(
            "socks5.listen", "Where programs on this machine speak SOCKS5", example: "127.0.0.1:1080",
            \.socks5.listen, parse: endpoint, write: quoted),
        .scalar(
            "socks5.admin", "Metrics and health of the SOCKS5 extender", example: "127.0.0.1:7732", \.socks5.admin,
            parse: endpoint, write: quoted),
        .scalar(
            "admin.exposed", "Whether metrics and health may be reached from other machines; /status is off then",
            example: "true", \.admin.exposed, parse: truth, write: { "\($0)" }),
        .scalar(
            "log.level", "trace, debug, info, notice, warning, error or critical", example: "info", \.log.level,
            parse: choice, write: { $0.rawValue }),
        .scalar(
            "log.format", "text or json", example: "json", \.log.format, parse: choice, write: { $0.rawValue }),
        extendersKey,
    ]

    private static let otherSecretsKey = SettingsKey(
        path: "peers.otherSecretFiles", shape: .map,
        summary: "Nodes of other networks that are dialled: UUID and the file with their network's secret, or none",
        example: "{ 01234567-89ab-8def-8123-456789abcdef: secrets/other-network.key }",
        apply: { value, settings throws(BadValue) in
            guard case .map(let files) = value else { throw BadValue(reason: "takes UUIDs, each with a file or none") }
            guard files.count <= PeerListenSettings.otherSecretCountMax else {
                throw BadValue(reason: "takes \(PeerListenSettings.otherSecretCountMax) nodes at most")
            }
            try BadValue.taking(files.sorted { $0.key < $1.key }) { name, file throws(BadValue) in
                guard let node = NodeUUID(text: name) else { throw BadValue(reason: "'\(name)' is no UUID of a node") }
                guard settings.peers.otherSecretFiles[node] == nil else {
                    throw BadValue(reason: "has \(node) twice")
                }
                settings.peers.otherSecretFiles[node] = .some(file == noFile ? nil : try filePath(file))
            }
        },
        show: { settings in
            guard !settings.peers.otherSecretFiles.isEmpty else { return nil }
            let pairs = settings.peers.otherSecretFiles.map { "\($0.key): \($0.value.map(quoted) ?? noFile)" }
            return "{ \(pairs.sorted().joined(separator: ", ")) }"
        })

    private static let extendersKey = SettingsKey(
        path: "extenders", shape: .map, summary: "Further extenders to start: name and program",
        example: "{ chat: /usr/local/bin/my-chat }",
        apply: { value, settings throws(BadValue) in
            guard case .map(let programs) = value else { throw BadValue(reason: "takes names, each with a program") }
            guard programs.count <= extenderCountMax else {
                throw BadValue(reason: "takes \(extenderCountMax) names at most")
            }
            try BadValue.taking(programs.sorted { $0.key < $1.key }) { name, program throws(BadValue) in
                guard isName(name) else {
                    throw BadValue(reason: "'\(name)' is no name: lower-case letters, digits and hyphens, 32 at most")
                }
                settings.extenders[name] = try filePath(program)
            }
        },
        show: { settings in
            guard !settings.extenders.isEmpty else { return nil }
            let pairs = settings.extenders.sorted { $0.key < $1.key }.map { "\($0.key): \(quoted($0.value))" }
            return "{ \(pairs.joined(separator: ", ")) }"
        })
}

private let extenderCountMax = 64
/// In place of a file: no secret.
private let noFile = "none"

private func isName(_ text: String) -> Bool {
    (1...32).contains(text.utf8.count)
        && text.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-")
        }
}

@Sendable private func endpoint(_ text: String) throws(BadValue) -> Endpoint {
    guard let endpoint = Endpoint(text: text) else {
        throw BadValue(reason: "'\(text)' is no host and port; an IPv6 address stands in brackets")
    }
    return endpoint
}

@Sendable private func block(_ text: String) throws(BadValue) -> AddressBlock {
    guard let block = AddressBlock(text: text) else {
        throw BadValue(reason: "'\(text)' is no block of addresses; its bits behind the length are zero")
    }
    return block
}

@Sendable private func advertisement(_ text: String) throws(BadValue) -> LinkAdvertisement {
    guard let advertisement = LinkAdvertisement(text: text) else {
        throw BadValue(reason: "'\(text)' is neither auto nor a host, with or without a port")
    }
    return advertisement
}

@Sendable private func number(_ range: ClosedRange<Int>) -> @Sendable (String) throws(BadValue) -> Int {
    { text throws(BadValue) in
        guard let value = Int(text), range.contains(value) else {
            throw BadValue(reason: "'\(text)' is no number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }
}

@Sendable private func truth(_ text: String) throws(BadValue) -> Bool {
    switch text.lowercased() {
    case "true", "yes", "on": return true
    case "false", "no", "off": return false
    default: throw BadValue(reason: "'\(text)' is neither true nor false")
    }
}

@Sendable private func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ text: String
) throws(BadValue) -> Choice {
    guard let choice = Choice(rawValue: text) else {
        let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw BadValue(reason: "'\(text)' is none of: \(known)")
    }
    return choice
}

@Sendable private func filePath(_ text: String) throws(BadValue) -> String {
    guard !text.isEmpty, !text.utf8.contains(0) else { throw BadValue(reason: "is no path") }
    return text
}

/// A password in it would be in the settings file, which others may read.
@Sendable private func serverURL(_ text: String) throws(BadValue) -> String {
    guard text.hasPrefix("postgresql://") || text.hasPrefix("postgres://"), !text.utf8.contains(0) else {
        throw BadValue(reason: "begins with postgresql://")
    }
    let authority = text.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
    if let name = authority.lastIndex(of: "@"), authority[..<name].contains(":") {
        throw BadValue(reason: "has a password in it; write it to a file and name that in database.passwordFile")
    }
    return text
}

@Sendable private func quoted(_ endpoint: Endpoint) -> String { "\"\(endpoint)\"" }

/// A double-quoted scalar of YAML 1.2 (section 7.3.1).
@Sendable private func quoted(_ text: String) -> String {
    "\"\(text.unicodeScalars.map(escaped).joined())\""
}

/// Quotes, backslashes, line breaks and what is not printable (section 5.1) stand as escapes.
private func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar.value {
    case 0x22, 0x5c: return "\\\(scalar)"
    case 0x20...0x7e, 0xa0...0x2027, 0x202a...0xd7ff, 0xe000...0xfefe, 0xff00...0xfffd, 0x10000...0x10ffff:
        return String(scalar)
    default:
        let digits = String(scalar.value, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
