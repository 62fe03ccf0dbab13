internal import GateLink
internal import GateLinkStore
internal import GateLinkTransport
internal import GateModel
internal import GateSettings
internal import GateStore
internal import Logging
internal import NIOPosix

/// What an operator's commands use of the database service.
typealias OperatorStore = SettingsStore & PeerStore & AccessStore & WorkerStore & SessionRegister & RefusalStore
    & RightsStore & ReputationStore & WorkerCertifier & AuthorityKeeper

/// The link of a command to the database service, under the operator's credential.
enum OperatorLink {
    /// Name of the operator's credential folder, and what history shows as the author of a change.
    static let author = "operator"
    /// How long a command waits for the database service.
    static let patience = Duration.seconds(5)

    /// Gives `body` the node's store; fails with advice where the database service can't be reached.
    static func with<Result: Sendable>(
        _ node: NodeOptions, _ body: @Sendable (any OperatorStore) async throws -> Result
    ) async throws -> Result {
        let settings = try await node.settings()
        return try await with(settings, body)
    }

    static func with<Result: Sendable>(
        _ settings: LocalSettings, _ body: @Sendable (any OperatorStore) async throws -> Result
    ) async throws -> Result {
        let credential: LinkCredentialSource
        do {
            credential = try LinkCredentialSource(directory: settings.credentialDirectory(author))
        } catch {
            throw CommandFailure("the operator's credential can't be used: \(error)")
        }
        let (misses, missed) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(1))
        let keeper = LinkKeeper(
            target: .replicas(settings.database.dialled, credential: credential), expects: .database,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), settings: .database, missed: { missed.yield($0) },
            logger: Logger(label: "command") { _ in SwiftLogNoOpLogHandler() })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await keeper.run() }
            defer { group.cancelAll() }
            if let reason = await hindrance(keeper.requester, misses) { throw absence(reason, settings) }
            do {
                return try await body(LinkStore(keeper.requester))
            } catch let failure as StoreFailure {
                throw judged(failure)
            }
        }
    }

    private static func absence(_ reason: String, _ settings: LocalSettings) -> CommandFailure {
        let advice =
            NodeState.read(settings) == nil
            ? "The node does not run: start it with `quantumgate node \(settings.directory)`."
            : "The node runs, and starts its database service again when it ends; its log says why."
        let places = settings.database.dialled.map(\.description).joined(separator: ", ")
        return CommandFailure("no database service answers at \(places): \(reason). \(advice)")
    }

    /// Waits for the link: `nil` once it is open, else why it is not, which the first try tells.
    private static func hindrance(_ requester: LinkRequester, _ misses: AsyncStream<String>) async -> String? {
        await withTaskGroup(of: String?.self) { group in
            group.addTask { await requester.connected() ? nil : "cancelled" }
            group.addTask {
                for await reason in misses { return reason }
                return "cancelled"
            }
            group.addTask {
                try? await Task.sleep(for: patience)
                return "what listens there opens no link within \(patience.components.seconds) s"
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    /// Prints a refusal and gives its exit code; other failures become a sentence.
    static func judged(_ failure: StoreFailure) -> any Error {
        switch failure {
        case .notPermitted, .invalid, .conflict, .quotaExceeded, .otherBundle:
            printNote("Refused: \(failure)")
            return CommandExit.refused
        case .notFound, .leaseLost, .notProven, .wrongVaultKey, .newerSchema, .unavailable, .damaged:
            return CommandFailure("\(failure)")
        }
    }
}

/// The node's UUID as its operator's credential says; needs no running node.
enum NodeIdentityName {
    static func node(of settings: LocalSettings) throws -> NodeUUID {
        do {
            return try LinkCredential.load(from: settings.credentialDirectory(OperatorLink.author)).name.node
        } catch {
            throw CommandFailure("the operator's credential can't be used: \(error)")
        }
    }
}
