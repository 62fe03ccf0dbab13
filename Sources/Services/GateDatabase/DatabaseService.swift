package import GateLink
import GateLinkStore
package import GateLinkTransport
package import GateModel
package import GateStore
import GateTelemetry
package import Logging
package import NIOCore
import ServiceLifecycle

/// Serves a node's database to kernels, extenders and operators over links.
///
/// Keeps nothing in memory that a restart may not lose; may be killed at any moment.
package struct DatabaseService: Service {
    private let database: NodeDatabase
    private let listener: LinkServer
    private let logger: Logger

    /// Where it really listens, the port chosen by the system included.
    package var endpoint: Endpoint { listener.endpoint }

    /// Listens for links; they are served from `run()` on.
    ///
    /// - Parameters:
    ///   - database: stays open until `run()` ends.
    ///   - endpoint: where to listen; port 0 lets the system choose.
    ///   - credential: of role `database`.
    package static func bind(
        _ database: NodeDatabase, to endpoint: Endpoint, credential: LinkCredentialSource,
        group: any EventLoopGroup, logger: Logger
    ) async throws -> DatabaseService {
        let service = DatabaseService.links(to: database, name: credential.current().name.name)
        let listener = try await LinkServer.bind(
            to: endpoint, credential: credential, service: service, group: group, logger: logger)
        return DatabaseService(database: database, listener: listener, logger: logger)
    }

    /// What is served on links, for those within the process too (`MemoryLinkServer`).
    package static func links(to database: NodeDatabase, name: String) -> LinkService {
        let store = database.store
        return LinkService(
            accepts: [.kernel, .extender, .operator, .join], worker: name, requestsMax: 256,
            admit: { peer in await admission(of: peer.name, by: store) },
            responder: StoreResponder(database.dispatcher))
    }

    /// Serves until cancelled, then closes links and database.
    package func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await serve() }
            await database.close()
        } catch {
            await database.close()
            throw error
        }
    }

    private func serve() async throws {
        let store = database.store
        let follower = RightsFollower(
            feed: store, server: listener, admit: { name in await admission(of: name, by: store) }, logger: logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await listener.run() }
            group.addTask { await database.store.run() }
            group.addTask { await follower.run() }
        }
    }
}

/// Whether a link is welcome, and what its holder may do: from its role, its name's rights, and nothing else.
package func admission(of link: LinkName, by rights: any RightsStore) async -> LinkAdmission {
    let row: RightsRow
    do throws(StoreFailure) {
        row = try await rights.rights(of: link)
    } catch {
        return .refused(LinkRefusal(code: .unavailable, reason: "\(error)"))
    }
    guard !row.isRevoked else { return .refused(LinkRefusal(code: .notPermitted, reason: "the name is revoked")) }
    let isOperator = link.role.kind == .operator
    return .granted(
        LinkGrant(
            extenders: row.extenders.sorted(), mayConnect: row.mayConnect || isOperator,
            mayRead: isOperator || link.role.kind == .kernel, mayChange: isOperator))
}
