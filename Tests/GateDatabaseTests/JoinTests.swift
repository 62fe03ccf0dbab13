import Foundation
import GateCrypto
import GateDatabase
import GateLink
import GateLinkStore
import GateLinkTransport
import GateModel
import GateStore
import Logging
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(2))) struct JoinCredentials {
    @Test func `make members with a name, a key and a day each, that serve like any other credential`() async throws {
        try await withJoin(.kernel) { service, folder in
            let first = try await member(service, folder)
            let second = try await member(service, folder)
            let names = [first, second].map { $0.credential.current().name }
            #expect(names[0] != names[1])
            #expect(names.allSatisfy { $0.family == "pool" && $0.role == .kernel })
            let left = first.credential.current().notAfter.seconds - UnixTime.now().seconds
            #expect((86_000...86_400).contains(left))
            try await withLink(service, first.credential) { store in
                let registration = WorkerRegistration(name: names[0].name, linkAddress: "a:1", adminAddress: "")
                let row = try await store.registerWorker(registration, lease: .seconds(30))
                #expect(row.registration == registration)
            }
        }
    }

    @Test func `members renew over their own certificate`() async throws {
        try await withJoin(.kernel) { service, folder in
            let member = try await member(service, folder)
            let name = member.credential.current().name
            try await withLink(service, member.credential) { store in
                let key = LinkKey()
                let certificate = try await store.renewLink(request: key.request())
                let renewed = try key.credential(
                    certificate: certificate, authority: LinkCredentialSource.authority(in: folder))
                #expect(renewed.name == name)
                await #expect(throws: StoreFailure.notPermitted) {
                    _ = try await store.joinLink(request: key.request())
                }
            }
        }
    }

    @Test func `a request without its key's signature gets nothing`() async throws {
        try await withJoin(.kernel) { service, folder in
            let credential = try LinkCredentialSource(directory: folder)
            try await withLink(service, credential) { store in
                var request = try LinkKey().request()
                request[request.count - 1] ^= 1
                await #expect(throws: StoreFailure.self) { _ = try await store.joinLink(request: request) }
                await #expect(throws: StoreFailure.self) { _ = try await store.joinLink(request: []) }
            }
        }
    }

    @Test func `who is not granted its extender is told so and stays out`() async throws {
        try await withJoin(.extender(ShippedExtender.socks5)) { service, folder in
            let failure = await #expect(throws: LinkJoinFailure.self) { _ = try await member(service, folder) }
            #expect(failure?.description.contains("Was the name granted") == true)
        }
    }

    @Test func `revoking the join credential closes the links of its members`() async throws {
        try await withJoin(.kernel) { service, folder in
            let member = try await member(service, folder)
            let name = member.credential.current().name
            try await withLink(service, member.credential) { store in
                _ = try await store.settings()
                try await withFolderOperator(service, folder) { person in
                    try await person.setRights(
                        RightsRow(name: #require(name.joinName).rightsName, isRevoked: true))
                }
                await #expect(throws: StoreFailure.self) { _ = try await store.settings() }
            }
        }
    }

    @Test func `a vault without an authority says what to run`() async throws {
        try await withFolder { folder in
            try await withService(folder) { service, authority in
                let join = folder.url.appending(path: "join").path
                try authority.issue(role: .join(.kernel), name: "pool").write(to: join)
                let failure = await #expect(throws: LinkJoinFailure.self) { _ = try await member(service, join) }
                #expect(failure?.description.contains("quantumgate credential authority --store") == true)
            }
        }
    }

    @Test func `another node's authority does not get into the vault`() async throws {
        try await withFolder { folder in
            try await withService(folder) { service, authority in
                try await withStore(service, authority, .operator, "operator") { store in
                    let other = try LinkAuthority.create(node: NodeUUID(UUIDBytes(high: 1, low: 1))).texts()
                    await #expect(throws: StoreFailure.invalid("the authority is another node's")) {
                        try await store.keepAuthority(certificate: other.certificate, key: other.key)
                    }
                }
            }
        }
    }
}

/// Runs a database service whose vault holds the authority, and makes a join credential in a folder.
private func withJoin(
    _ role: LinkMemberRole, _ body: (DatabaseService, String) async throws -> Void
) async throws {
    try await withFolder { folder in
        try await withService(folder) { service, authority in
            let texts = try authority.texts()
            try await withStore(service, authority, .operator, "operator") { store in
                try await store.keepAuthority(certificate: texts.certificate, key: texts.key)
            }
            let join = folder.url.appending(path: "join").path
            try authority.issue(role: .join(role), name: "pool").write(to: join)
            try authority.issue(role: .operator, name: "operator").write(to: join + "-operator")
            try await body(service, join)
        }
    }
}

private func member(_ service: DatabaseService, _ folder: String) async throws -> LinkMembership {
    let membership = try LinkMembership(
        folder: folder, databases: [service.endpoint], program: "test",
        eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
    try await membership.join(patience: .seconds(20))
    return membership
}

private func withFolderOperator(
    _ service: DatabaseService, _ folder: String, _ body: (LinkStore) async throws -> Void
) async throws {
    try await withLink(service, LinkCredentialSource(directory: folder + "-operator"), body)
}

private func withLink(
    _ service: DatabaseService, _ credential: LinkCredentialSource, _ body: (LinkStore) async throws -> Void
) async throws {
    let keeper = LinkKeeper(
        target: .network(service.endpoint, credential: credential), expects: .database,
        eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await keeper.run() }
        #expect(await keeper.requester.connected())
        try await body(LinkStore(keeper.requester))
        group.cancelAll()
    }
}
