import GateExtenderKit
import QuantumGate

/// Greets whoever opens a stream and names itself.
struct Greeter: Extender {
    static let service = ExtenderID(UUIDBytes(high: 0x6b1d_52c6_0d5e_4f6a, low: 0x9d0c_54a2_7f1e_8b31))
    let id: ExtenderID = Greeter.service
    let name = "greeter"

    func opened(_ stream: PeerStream) async throws {
        var name = ""
        for try await bytes in stream.bytes { name += String(buffer: bytes) }
        try await stream.write(ByteBuffer(string: "Hello, \(name)!"))
        stream.finish()
    }
}

@main
struct Example {
    /// A server and a client, straight to each other: no relays, nothing looked up elsewhere.
    static func main() async throws {
        var configuration = EmbeddedNodeConfiguration(storage: .new)
        configuration.extenders = [Greeter()]
        let client = try await EmbeddedNode(configuration)
        configuration.listen = [Endpoint(host: "127.0.0.1", port: 0)]
        configuration.allowedPeers = [client.uuid]
        let server = try await EmbeddedNode(configuration)

        try await withThrowingTaskGroup(of: Void.self) { tasks in
            defer { tasks.cancelAll() }
            for node in [server, client] { tasks.addTask { try await node.run() } }
            for address in try await server.addresses { try await client.allow(address) }
            let session = try await client.connect(to: server.uuid, as: Greeter.service)
            let stream = try await session.openStream(first: ByteBuffer(string: "client"))
            stream.finish()
            for try await answer in stream.bytes { print("\(server.uuid) says: \(String(buffer: answer))") }
        }
    }
}
