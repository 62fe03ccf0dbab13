import GateExtenderKit
import GateModel
import QuantumGate

/// Sends back what comes on a stream.
struct EchoExtender: Extender {
    static let service = ExtenderID(UUIDBytes(high: 0x0196_4b4e_0000_7000, low: 0x8000_0000_0000_ec40))

    let id: ExtenderID = EchoExtender.service
    let name = "echo"

    func opened(_ stream: PeerStream) async throws {
        for try await bytes in stream.bytes { try await stream.write(bytes) }
        stream.finish()
    }
}

/// Reads a stream to its end.
func text(of stream: PeerStream) async throws -> String {
    var text = ""
    for try await bytes in stream.bytes { text += String(buffer: bytes) }
    return text
}

/// Runs nodes for as long as `body` takes.
func running(_ nodes: EmbeddedNode..., body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        defer { tasks.cancelAll() }
        for node in nodes { tasks.addTask { try await node.run() } }
        try await body()
    }
}
