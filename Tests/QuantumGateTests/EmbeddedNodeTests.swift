import Foundation
import GateExtenderKit
import GateModel
import NIOCore
import QuantumGate
import Testing

@Suite(.timeLimit(.minutes(1))) struct EmbeddedNodeTests {
    private func server(at host: String = "127.0.0.1") async throws -> EmbeddedNode {
        var configuration = EmbeddedNodeConfiguration(storage: .new)
        configuration.listen = [Endpoint(host: host, port: 0)]
        configuration.extenders = [EchoExtender()]
        return try await EmbeddedNode(configuration)
    }

    private func client(_ storage: EmbeddedNodeConfiguration.Storage = .new) async throws -> EmbeddedNode {
        var configuration = EmbeddedNodeConfiguration(storage: storage)
        configuration.extenders = [EchoExtender()]
        return try await EmbeddedNode(configuration)
    }

    private func echo(_ words: String, from client: EmbeddedNode, to node: NodeUUID) async throws -> String {
        let session = try await client.connect(to: node, as: EchoExtender.service, deadline: .seconds(20))
        #expect(session.peer == .node(node))
        let stream = try await session.openStream(first: ByteBuffer(string: words))
        stream.finish()
        return try await text(of: stream)
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `two nodes in one process exchange a stream`(host: String) async throws {
        let (server, client) = (try await server(at: host), try await client())
        try await server.allow(client.uuid)
        try await running(server, client) {
            let address = try #require(try await server.addresses.first)
            #expect(address.endpoint.port != 0)
            try await client.allow(address)
            #expect(try await echo("hello", from: client, to: server.uuid) == "hello")
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `a node that is not allowed is not served, and reads why that may be`(host: String) async throws {
        let (server, stranger) = (try await server(at: host), try await client())
        try await running(server, stranger) {
            let address = try #require(try await server.addresses.first)
            try await stranger.allow(address)
            let failure = await #expect(throws: ExtenderFailure.self) {
                _ = try await echo("hello", from: stranger, to: server.uuid)
            }
            #expect(failure?.code == .notAccepted)
            let words = failure.map { "\($0)" } ?? ""
            #expect(words.contains("wrong UUID, secret or clock, or not allowed"))
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `a node that a host keeps starts again with its identity and peers`(host: String) async throws {
        let key = [UInt8](repeating: 7, count: 32)
        let (server, client) = (try await server(at: host), try await client())
        try await server.allow(client.uuid)
        try await running(server) {
            try await client.allow(try #require(try await server.addresses.first))
            let export = try await client.export(sealedWith: key)
            let again = try await self.client(.host(export: export, key: key))
            #expect(again.uuid == client.uuid)
            try await running(again) {
                let answer = try await echo("again", from: again, to: server.uuid)
                #expect(answer == "again")
            }
        }
    }

    @Test func `an export opens with its key only`() async throws {
        let export = try await client().export(sealedWith: [UInt8](repeating: 1, count: 32))
        let failure = await #expect(throws: EmbeddedNodeFailure.self) {
            try await client(.host(export: export, key: [UInt8](repeating: 2, count: 32)))
        }
        #expect(failure?.code == .wrongKey)
    }

    @Test func `a folder keeps the node`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "embedded-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let first = try await client(.directory(folder.path)).uuid
        #expect(try await client(.directory(folder.path)).uuid == first)
    }

    @Test func `a folder without its vault key is refused, and no other key is made`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "embedded-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try await client(.directory(folder.path)).uuid
        let key = folder.appending(path: "secrets/vault.key")
        let saved = try Data(contentsOf: key)
        try FileManager.default.removeItem(at: key)
        let failure = await #expect(throws: EmbeddedNodeFailure.self) { try await client(.directory(folder.path)) }
        #expect(failure?.message.contains("restore it from your backup") == true)
        #expect(!FileManager.default.fileExists(atPath: key.path))
        try saved.write(to: key)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key.path)
        _ = try await client(.directory(folder.path))
    }

    @Test func `a folder has one node at a time`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "embedded-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let first = try await client(.directory(folder.path))
        let failure = await #expect(throws: EmbeddedNodeFailure.self) { try await client(.directory(folder.path)) }
        #expect(failure?.message.contains("another node runs") == true)
        try await running(first) { _ = try await first.endpoints }
        let second = try await client(.directory(folder.path))
        #expect(second.uuid == first.uuid)
    }

    @Test func `a node runs once and says so when it has stopped`() async throws {
        let node = try await client()
        try await running(node) {
            let endpoints = try await node.endpoints
            #expect(endpoints == [])
        }
        let again = await #expect(throws: EmbeddedNodeFailure.self) { try await node.run() }
        #expect(again?.code == .notAgain)
        let stopped = await #expect(throws: EmbeddedNodeFailure.self) { try await node.endpoints }
        #expect(stopped?.code == .stopped)
    }

    @Test func `a node says why it can't start`() async throws {
        let server = try await server()
        try await running(server) {
            var configuration = EmbeddedNodeConfiguration(storage: .new)
            configuration.listen = try await server.endpoints
            let second = try await EmbeddedNode(configuration)
            let failure = await #expect(throws: EmbeddedNodeFailure.self) { try await second.run() }
            #expect(failure?.code == .start)
            let stopped = await #expect(throws: EmbeddedNodeFailure.self) { try await second.endpoints }
            #expect(stopped?.message.contains("Cannot listen") == true)
        }
    }

    @Test func `a configuration that can't be used is refused with the reason`() async throws {
        var configuration = EmbeddedNodeConfiguration(storage: .new)
        configuration.listen = [Endpoint(host: "localhost", port: 0)]
        let named = await #expect(throws: EmbeddedNodeFailure.self) { try await EmbeddedNode(configuration) }
        #expect(named?.code == .configuration)
        configuration.listen = []
        configuration.extenders = [EchoExtender(), EchoExtender()]
        let twice = await #expect(throws: EmbeddedNodeFailure.self) { try await EmbeddedNode(configuration) }
        #expect(twice?.code == .configuration)
    }
}
