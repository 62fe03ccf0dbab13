internal import ArgumentParser
internal import GateModel
internal import GateSettings

struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Asks the node's programs on this machine whether they are ready; for containers' health checks.",
        discussion: """
            Asks the admin ports that the settings name and prints what answers. Exit code 0 if something answers and all
            that does is ready, else 1. With --url one address is asked, such as an extender of your own.
            """)
    @OptionGroup var node: NodeOptions
    @Option(help: "What to ask instead, as http://host:port/path.") var url: String?

    func run() async throws {
        let places: [(name: String, place: HealthPlace)]
        if let url {
            guard let place = HealthPlace(url: url) else { throw ValidationError("--url takes http://host:port/path.") }
            places = [(url, place)]
        } else {
            places = HealthPlace.all(of: try await node.settings())
        }
        var answers: [HealthPlace.Answer] = []
        for (name, place) in places {
            let answer = await place.answer()
            answers.append(answer)
            if answer != .silent || url != nil { printLine("\(name): \(answer.text)") }
        }
        guard !answers.contains(.unready), answers.contains(.ready) else {
            if !answers.contains(.unready) { printNote("No program of this node answers here.") }
            throw CommandExit.failed
        }
    }
}

/// One place where a program tells whether it is ready.
struct HealthPlace: Equatable {
    let endpoint: Endpoint
    let path: String

    enum Answer { case ready, unready, silent }

    init(endpoint: Endpoint, path: String = "/readyz") {
        self.endpoint = endpoint
        self.path = path
    }

    /// Reads `http://host:port/path`; without a path it is `/readyz`.
    init?(url: String) {
        guard url.hasPrefix("http://") else { return nil }
        let rest = url.dropFirst("http://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let endpoint = Endpoint(text: rest[..<slash]) else { return nil }
        self.init(endpoint: endpoint, path: slash == rest.endIndex ? "/readyz" : String(rest[slash...]))
    }

    /// Where the settings put admin ports; of a wildcard the machine's own address.
    static func all(of settings: LocalSettings) -> [(name: String, place: HealthPlace)] {
        let kernels = (0..<settings.node.workers).map {
            (LocalSettings.kernelName(index: $0), settings.kernelAdmin(index: $0))
        }
        let others = [("database", settings.database.admin), ("socks5", settings.socks5.admin)]
        return (kernels + others).map { name, endpoint in (name, HealthPlace(endpoint: endpoint.here)) }
    }

    func answer() async -> Answer {
        do {
            _ = try await AdminClient.get(path, from: endpoint)
            return .ready
        } catch is CommandFailure {
            return .unready
        } catch {
            return .silent
        }
    }
}

extension HealthPlace.Answer {
    var text: String {
        switch self {
        case .ready: "ready"
        case .unready: "not ready"
        case .silent: "no answer"
        }
    }
}

extension Endpoint {
    /// What to dial from this machine to reach what listens here.
    fileprivate var here: Endpoint {
        switch host {
        case "0.0.0.0": Endpoint(host: "127.0.0.1", port: port)
        case "::": Endpoint(host: "::1", port: port)
        default: self
        }
    }
}
