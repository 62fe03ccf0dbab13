package import GateLink
package import GateLinkTransport
package import GateModel
import GateStore
import GateTelemetry
package import Logging
package import NIOCore

/// Why a process could not join with its join credential.
package enum LinkJoinFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The database service says no.
    case refused(LinkName, String)
    /// No database service answered in the time given.
    case unavailable(String)
    case cancelled
    /// The certificate was not renewed in time.
    case ended

    package var description: String {
        switch self {
        case .refused(let name, let reason):
            "the database service does not let \(name) join: \(reason). Was the name granted, is it revoked?"
        case .unavailable(let reason): "no database service answers: \(reason)"
        case .cancelled: "stopped while joining"
        case .ended: "the link certificate ended and could not be renewed; a start anew joins under another name"
        }
    }
}

/// The credential of a process: one of its own from a folder, or one that it gets by a join credential and renews.
///
///     joining ──certificate──▶ member ──half of its life──▶ renewed …
///        ▲                        └──ended unrenewed──▶ (joins anew, under another name)
///        └────────────────────────────────────┘
///
/// Keys of those who join are made here and stay in memory.
package final class LinkMembership: Sendable {
    /// What links show; follows renewals.
    package let credential: LinkCredentialSource
    private let joining: LinkCredentialSource?
    private let folder: String
    private let databases: [Endpoint]
    private let program: String
    private let eventLoop: any EventLoop
    private let logger: Logger

    /// How long the start of a program waits to join.
    package static let startPatience = Duration.seconds(30)
    /// First pause after a failed attempt to join or renew; doubles up to the longest.
    static let pauseFirst = Duration.milliseconds(200)
    static let pauseLongest = Duration.seconds(30)

    /// Reads the credential's folder, and goes by its certificate's role.
    package init(
        folder: String, databases: [Endpoint], program: String, eventLoop: any EventLoop, logger: Logger
    ) throws(LinkCredentialFailure) {
        let source = try LinkCredentialSource(directory: folder)
        let isJoining = source.current().name.role.kind == .join
        joining = isJoining ? source : nil
        credential = isJoining ? LinkCredentialSource(source.current()) : source
        self.folder = folder
        self.databases = databases
        self.program = program
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// What the process is, or will be once it has joined.
    package var role: LinkRole {
        let role = credential.current().name.role
        guard case .join(let member) = role else { return role }
        return member.role
    }

    /// Gauges of when the process's credentials end.
    package func gauges() -> CredentialGauges {
        joining.map { CredentialGauges(issued: $0, renewed: credential) } ?? CredentialGauges(issued: credential)
    }

    /// Joins where that is due; asks until it is done, for at most `patience` (`nil`: until cancelled, refusals too).
    package func join(patience: Duration?) async throws(LinkJoinFailure) {
        guard let joining else { return }
        let deadline = patience.map { ContinuousClock.now + $0 }
        var pause = LinkMembership.pauseFirst
        while true {
            do throws(LinkJoinFailure) {
                let left = deadline.map { $0 - ContinuousClock.now }
                return try await joinOnce(joining, within: min(left ?? .seconds(10), .seconds(10)))
            } catch {
                if case .refused = error, patience != nil { throw error }
                if error == .cancelled || Task.isCancelled { throw .cancelled }
                if let deadline, ContinuousClock.now + pause >= deadline { throw error }
                logger.warning("not joined yet; trying again", metadata: [LogKey.reason: "\(error)"])
            }
            do { try await Task.sleep(for: pause) } catch { throw .cancelled }
            pause = min(pause * 2, LinkMembership.pauseLongest)
        }
    }

    /// Runs `body` and renews over `store` meanwhile, at half of what is left each time. Cancels `body` and throws where
    /// the certificate has ended unrenewed: then only joining anew helps, under another name.
    package func renewing<Value: Sendable>(
        over store: LinkStore, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard joining != nil else { return try await body() }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                await self.renew(over: store)
                return nil
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
                if !Task.isCancelled { throw LinkJoinFailure.ended }
            }
            throw CancellationError()
        }
    }

    private func renew(over store: LinkStore) async {
        var pause = LinkMembership.pauseFirst
        while !Task.isCancelled {
            let left = credential.current().notAfter.seconds - UnixTime.now().seconds
            guard left > 0 else { return }
            let rest = pause == LinkMembership.pauseFirst ? Duration.seconds(max(left / 2, 1)) : pause
            do { try await Task.sleep(for: rest) } catch { return }
            do {
                let key = LinkKey()
                try await use(key, store.renewLink(request: key.request()))
                pause = LinkMembership.pauseFirst
            } catch {
                logger.warning("the link certificate is not renewed yet", metadata: [LogKey.reason: "\(error)"])
                pause = min(pause * 2, LinkMembership.pauseLongest)
            }
        }
    }

    private func use(_ key: LinkKey, _ certificate: [UInt8]) throws(LinkCredentialFailure) {
        let fresh = try key.credential(
            certificate: certificate, authority: LinkCredentialSource.authority(in: folder))
        credential.use(fresh)
        logger.info(
            "link certificate in use",
            metadata: [LogKey.link: "\(fresh.name)", "until": "\(fresh.notAfter.seconds)"])
    }

    private func joinOnce(_ joining: LinkCredentialSource, within patience: Duration) async throws(LinkJoinFailure) {
        let (misses, missed) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
        let keeper = LinkKeeper(
            target: .replicas(databases, credential: joining), expects: .database, eventLoop: eventLoop,
            program: program, settings: .database, missed: { missed.yield($0) }, logger: logger)
        let outcome = await withTaskGroup(of: Result<Void, LinkJoinFailure>?.self) { group in
            group.addTask {
                await keeper.run()
                return nil
            }
            group.addTask { await self.ask(keeper.requester, joining.current().name) }
            group.addTask {
                try? await Task.sleep(for: patience)
                var reason = "no link within \(patience)"
                missed.finish()
                for await miss in misses { reason = miss }
                return .failure(.unavailable(reason))
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        try (outcome ?? .failure(.cancelled)).get()
    }

    private func ask(_ requester: LinkRequester, _ name: LinkName) async -> Result<Void, LinkJoinFailure> {
        guard await requester.connected() else { return .failure(.cancelled) }
        do {
            let key = LinkKey()
            try await use(key, LinkStore(requester).joinLink(request: key.request()))
            return .success(())
        } catch StoreFailure.unavailable {
            return .failure(.unavailable("the link was lost"))
        } catch {
            return .failure(.refused(name, "\(error)"))
        }
    }
}
