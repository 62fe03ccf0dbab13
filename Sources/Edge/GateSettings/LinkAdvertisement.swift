package import GateModel

/// Where extenders are told to attach to a worker.
package enum LinkAdvertisement: Equatable, Sendable {
    /// Where the worker listens; if that is every address of the machine, at the machine's own address on the way to the
    /// database service.
    case auto
    /// At this host, and this port where it is not the one that the worker listens on.
    case host(String, port: UInt16?)

    /// Reads `auto` or nothing, `host`, or `host:port`; `nil` for anything else.
    package init?(text: String) {
        if text.isEmpty || text == "auto" {
            self = .auto
        } else if let endpoint = Endpoint(text: text) {
            self = .host(endpoint.host, port: endpoint.port)
        } else if let endpoint = Endpoint(
            text: text.contains(":") && !text.hasPrefix("[") ? "[\(text)]:1" : "\(text):1")
        {
            self = .host(endpoint.host, port: nil)
        } else {
            return nil
        }
    }

    /// As it is written in the file.
    package var text: String {
        switch self {
        case .auto: "auto"
        case .host(let host, nil): host
        case .host(let host, .some(let port)): "\(Endpoint(host: host, port: port))"
        }
    }

    /// What extenders are told.
    ///
    /// - Parameters:
    ///   - bound: Where the worker listens.
    ///   - routed: This machine's address on the way to the database service, where it is known.
    ///   - machine: This machine's addresses.
    package func endpoint(bound: Endpoint, routed: IPAddress?, machine: [IPAddress]) -> Endpoint {
        switch self {
        case .host(let host, let port): return Endpoint(host: host, port: port ?? bound.port)
        case .auto:
            let isEvery4 = bound.host == "0.0.0.0"
            guard isEvery4 || bound.literalAddress == .v6(0, 0) else { return bound }
            let known = ([routed].compactMap(\.self) + machine).filter { !isEvery4 || $0.isVersion4 }
            let reachable = known.first { !$0.isLoopback && !$0.isLinkLocal } ?? known.first
            return Endpoint(host: reachable?.description ?? (isEvery4 ? "127.0.0.1" : "::1"), port: bound.port)
        }
    }
}

extension IPAddress {
    fileprivate var isVersion4: Bool {
        switch self {
        case .v4: true
        case .v6: false
        }
    }

    fileprivate var isLinkLocal: Bool {
        switch self {
        case .v4(let value): value >> 16 == 0xa9fe
        case .v6(let high, _): high >> 54 == 0xfe80 >> 6
        }
    }
}
