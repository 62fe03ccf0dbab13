import GateExtenderKit
import GateModel
import NIOCore

/// Sessions to exits, one for each exit, number of hops and isolation key.
actor SessionPool {
    /// Which clients share a session.
    struct Key: Hashable {
        let exit: NodeUUID
        let hops: Int
        let isolation: [UInt8]
    }

    private struct Entry {
        let session: EventLoopFuture<PeerSession>
        var lastUse: UInt64
    }

    /// The most sessions that are remembered; the longest unused is forgotten.
    static let entriesMax = 4096

    private let service: ExtenderService
    private let connectTime: Duration
    private var entries: [Key: Entry] = [:]
    /// Keys of direct sessions share one: there is one between two nodes.
    private var keys: [SessionID: Set<Key>] = [:]
    private var uses: UInt64 = 0

    init(service: ExtenderService, connectTime: Duration) {
        self.service = service
        self.connectTime = connectTime
    }

    /// The session for a key; several callers wait for one connect.
    func session(for key: Key, near loop: any EventLoop) async throws -> PeerSession {
        uses += 1
        if let entry = entries[key] {
            entries[key]?.lastUse = uses
            return try await entry.session.get()
        }
        makeRoom()
        let promise = loop.makePromise(of: PeerSession.self)
        entries[key] = Entry(session: promise.futureResult, lastUse: uses)
        do {
            let session = try await connect(key)
            keys[session.id, default: []].insert(key)
            promise.succeed(session)
            return session
        } catch {
            entries[key] = nil
            promise.fail(error)
            throw error
        }
    }

    /// The session is gone; the next client gets another.
    func ended(_ session: SessionID) {
        for key in keys.removeValue(forKey: session) ?? [] { entries[key] = nil }
    }

    private func connect(_ key: Key) async throws -> PeerSession {
        let isRelayed = key.hops > 0
        // Random, so that neither another replica's key nor a password can be the same.
        let isolation = isRelayed ? String(UInt64.random(in: .min ... .max), radix: 36) : ""
        return try await service.connect(
            to: key.exit, route: isRelayed ? .relayed(hops: key.hops) : .direct, anonymous: isRelayed,
            isolation: isolation, deadline: connectTime)
    }

    private func makeRoom() {
        guard entries.count >= Self.entriesMax, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        else { return }
        entries[oldest.key] = nil
        keys = keys.compactMapValues { keys in
            let others = keys.subtracting([oldest.key])
            return others.isEmpty ? nil : others
        }
    }
}
