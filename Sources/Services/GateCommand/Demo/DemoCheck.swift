import Foundation
import GateModel
import NIOPosix
import Synchronization

/// `demo --check`: downloads, counts who carried what, looks who knows what, and kills a relay.
struct DemoCheck: Sendable {
    let network: DemoNetwork
    let web: Endpoint
    let hops: Int
    let byteCount: Int
    let voice: DemoVoice

    /// The part of the file that a kernel off the path may have forwarded.
    private static let strayPart = 0.01

    func run() async throws {
        try await downloadCounted()
        if hops >= 2 { try await inspect() }
        if hops >= 1 { try await loseRelay() }
        voice.say("all as it should be")
    }

    // MARK: The first download

    /// Downloads the file, compares it and what each kernel counted.
    private func downloadCounted() async throws {
        let path = try await openCircuit(isolate: "first")
        let before = try await forwarded()
        voice.say("path: " + (["origin"] + path.map { "\(network.name(of: $0)) \($0)" }).joined(separator: " → "))
        let result = try await download(isolate: "first", byteCount: byteCount)
        guard result.digest == DemoFile.digest(byteCount: byteCount) else {
            throw DemoNode.Failure("the file's SHA-256 is \(result.digest), another than the web server's")
        }
        voice.say(
            String(
                format: "%d MiB, SHA-256 right, first byte after %.1f ms, %.1f MB/s", byteCount >> 20,
                result.secondsToFirstByte * 1000, result.megabytesPerSecond))
        let after = try await forwarded()
        let relays = path.dropLast()
        for (node, count) in zip(network.nodes, zip(before, after).map { $1 - $0 }) {
            voice.say(
                "\(node.name.padding(toLength: 9, withPad: " ", startingAt: 0)) \(node.uuid) forwarded \(count) bytes"
                    + (relays.contains(node.uuid) ? ", on the path" : ""))
            if relays.contains(node.uuid) {
                guard count >= byteCount else {
                    throw DemoNode.Failure("\(node.name) is on the path and forwarded less")
                }
            } else if Double(count) > Double(byteCount) * DemoCheck.strayPart {
                throw DemoNode.Failure("\(node.name) is not on the path and forwarded too much")
            }
        }
    }

    private func forwarded() async throws -> [Int] {
        try await DemoNetwork.each(network.nodes) { try $0.observe().forwardedBytes }
    }

    // MARK: Who knows what

    private func inspect() async throws {
        let origin = network.origin
        let exit = network.exit
        let web = web
        let peerPorts = Set(network.nodes.map(\.portBase))
        let from = origin.processes(running: "gate-kernel").flatMap { DialledFrom.endpoints(of: $0, to: peerPorts) }
        let source = KnowledgeInspection.traces(of: origin, endpoints: from)
        let target = KnowledgeInspection.Trace.text("web server", "\(web)")
        let destinations = KnowledgeInspection.traces(of: exit) + [target]
        let watched = network.relays + [exit]
        let found = try await DemoNetwork.each(watched) { node in
            try KnowledgeInspection(source: source, destination: node === exit ? [target] : destinations).inspect(node)
        }
        voice.say("looked for \(source.count) traces of the origin and \(destinations.count) of the destination:")
        for (node, knowledge) in zip(watched, found) {
            voice.say(
                "\(node.name): \(knowledge.byteCount) bytes; of the origin [\(knowledge.ofSource.joined(separator: ", "))]"
                    + ", of the destination [\(knowledge.ofDestination.joined(separator: ", "))]")
            if knowledge.holdsBoth { throw DemoNode.Failure("\(node.name) holds both ends") }
        }
        guard found.contains(where: { !$0.ofSource.isEmpty }), found.contains(where: { !$0.ofDestination.isEmpty })
        else { throw DemoNode.Failure("nobody holds an end at all, so the search must be blind") }
    }

    // MARK: Losing a relay

    /// Kills a relay of a path half way through a download, which must fail; the next must find another way.
    private func loseRelay() async throws {
        let path = try await openCircuit(isolate: "second")
        guard let victim = network.relays.first(where: { $0.uuid == path[(path.count - 1) / 2] }) else {
            throw DemoNode.Failure("there is no relay on the second path")
        }
        voice.say("second path: origin → " + path.map { network.name(of: $0) }.joined(separator: " → "))
        let killed = Mutex(false)
        let half = byteCount / 2
        do {
            _ = try await download(isolate: "second", byteCount: byteCount) { received in
                guard received >= half, !killed.withLock({ exchange(&$0, with: true) }) else { return }
                voice.say("\(received >> 20) MiB are there: killing \(victim.name)")
                victim.killAll()
            }
            throw DemoNode.Failure("the download went on without \(victim.name)")
        } catch let failure as SocksDownload.Failure where killed.withLock({ $0 }) {
            voice.say("the download failed, as it must: \(failure)")
        }
        let next = try await download(isolate: "second", byteCount: byteCount)
        guard next.digest == DemoFile.digest(byteCount: byteCount) else {
            throw DemoNode.Failure("the file's SHA-256 is \(next.digest), another than the web server's")
        }
        let paths = try await circuits()
        guard !paths.isEmpty, !paths.contains(where: { $0.contains(victim.uuid) }) else {
            throw DemoNode.Failure("the origin still has a circuit over \(victim.name), which is gone")
        }
        for path in paths {
            voice.say("circuit now: origin → " + path.map { network.name(of: $0) }.joined(separator: " → "))
        }
        voice.say(String(format: "the next download succeeded without it, %.1f MB/s", next.megabytesPerSecond))
    }

    // MARK: Helpers of all stages

    private func download(
        isolate: String, byteCount: Int, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> SocksDownload.Result {
        let download = network.download(hops: hops, isolate: isolate, from: web, byteCount: byteCount)
        let tenth = max(byteCount / 4, 32 << 20)
        let said = Mutex(0)
        return try await BlockingWork.run { [voice] in
            try download.run { received in
                progress(received)
                let isNews = said.withLock { said in
                    guard received - said >= tenth else { return false }
                    said = received
                    return true
                }
                if isNews { voice.say("    \(received >> 20) MiB") }
            }
        }
    }

    private func circuits() async throws -> [[NodeUUID]] {
        let origin = network.origin
        return try await BlockingWork.run { try origin.observe().circuits.map(\.path) }
    }

    /// Fetches a byte, so that a circuit stands; its path: the relays, and last the exit.
    private func openCircuit(isolate: String) async throws -> [NodeUUID] {
        var old = try await circuits()
        _ = try await download(isolate: isolate, byteCount: 1)
        guard hops > 0 else { return [network.exit.uuid] }
        let new = try await circuits().filter { path in
            guard let known = old.firstIndex(of: path) else { return true }
            old.remove(at: known)
            return false
        }
        guard let path = new.last else { throw DemoNode.Failure("the origin's status shows no new circuit") }
        guard path.count == hops + 1, path.last == network.exit.uuid else {
            throw DemoNode.Failure("the origin's circuit has \(path.count - 1) relays instead of \(hops)")
        }
        return path
    }
}

private func exchange(_ value: inout Bool, with new: Bool) -> Bool {
    defer { value = new }
    return value
}
