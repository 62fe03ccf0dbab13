internal import ArgumentParser
internal import GateModel
internal import GateSettings
internal import GateStore
internal import GateTransport
internal import Glibc
internal import NIOCore

struct CardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "card",
        abstract: "Prints UUID@host:port, to give to operators who are to `peers add` this node.",
        discussion: """
            The address is peers.advertise, else what peers.listen says, else an address of this machine. It works
            while the node is not running, but for --record, which the node signs. Whoever has the card can find the node; the node decides who may connect.
            """)
    @OptionGroup var node: NodeOptions
    @Flag(help: "Print a line for every address, not only the first.") var all = false
    @Flag(help: "Append the node's signed record, which circuits need of each relay and of their destination.")
    var record = false

    func run() async throws {
        let settings = try await node.settings()
        let uuid = try NodeIdentityName.node(of: settings)
        let endpoints = Card.endpoints(of: settings.peers, machine: MachineAddresses.all())
        guard !endpoints.isEmpty else {
            throw CommandFailure("no address is known; set peers.advertise in \(settings.file)")
        }
        let signed = record ? try await signedRecord(of: endpoints) : []
        for endpoint in all ? endpoints : Array(endpoints.prefix(1)) {
            printLine(PeerCard(address: NodeAddress(node: uuid, endpoint: endpoint), record: signed).text)
        }
    }

    private func signedRecord(of endpoints: [Endpoint]) async throws -> [UInt8] {
        let shown = Array(endpoints.prefix(StoreLimit.peerEndpoints))
        return try await OperatorLink.with(node) { store in
            let isRelay = try await store.values()[NodeSettings.relayEnabled]
            return try await store.issueRecord(endpoints: shown, isRelay: isRelay)
        }
    }
}

/// Which addresses a card shows.
enum Card {
    /// Advertised ones, else those listened on, a wildcard replaced by the machine's addresses, public ones first.
    static func endpoints(of peers: PeerListenSettings, machine: [IPAddress]) -> [Endpoint] {
        guard peers.advertise.isEmpty else { return peers.advertise }
        var endpoints: [Endpoint] = []
        for listened in peers.listen {
            switch listened.host {
            case "0.0.0.0":
                endpoints += machine.filter(\.isVersion4).map { Endpoint(host: $0.text, port: listened.port) }
            case "::":
                endpoints += machine.filter { !$0.isVersion4 }.map { Endpoint(host: $0.text, port: listened.port) }
            default: endpoints.append(listened)
            }
        }
        var seen: Set<Endpoint> = []
        return endpoints.filter { seen.insert($0).inserted }
    }
}

/// The addresses of this machine's interfaces.
enum MachineAddresses {
    /// Public ones first, then private ones; loopback only where there is nothing else, link-local ones never.
    static func all() -> [IPAddress] {
        let devices = (try? System.enumerateDevices()) ?? []
        return ranked(devices.compactMap { $0.address?.ip })
    }

    static func ranked(_ addresses: [IPAddress]) -> [IPAddress] {
        let outer = addresses.filter { !$0.isLoopback && !$0.isLinkLocal }
        guard !outer.isEmpty else { return addresses.filter(\.isLoopback) }
        return outer.filter(\.isPublicUnicast) + outer.filter { !$0.isPublicUnicast }
    }
}

extension IPAddress {
    fileprivate var isVersion4: Bool { bytes.count == 4 }

    fileprivate var isLinkLocal: Bool {
        switch self {
        case .v4(let value): value >> 16 == 0xa9fe
        case .v6(let high, _): high >> 54 == 0xfe80 >> 6
        }
    }

    /// The address as people write it.
    fileprivate var text: String {
        var bytes = bytes
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, &bytes, &buffer, socklen_t(buffer.count))
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
