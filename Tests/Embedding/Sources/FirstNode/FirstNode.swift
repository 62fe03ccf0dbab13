import GateExtenderKit
import QuantumGate

/// Says who comes, and sends every message back.
struct Echo: Extender {
    let id: ExtenderID = ExtenderID(UUIDBytes(high: 0x2f8e_90b7_61d4_4c0e, low: 0xa3c5_1be0_4d72_96fa))
    let name = "echo"

    func peerChanged(_ change: PeerChange) async { print("\(change.peer): \(change.kind)") }

    func received(_ message: PeerMessage) async { try? await message.session.send(message.payload) }
}

@main
struct FirstNode {
    /// A node that keeps itself in a folder: `first-node FOLDER HOST:PORT [UUID@HOST:PORT of a peer …]`.
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let folder = arguments.first, let listen = arguments.dropFirst().first.flatMap({ Endpoint(text: $0) })
        else {
            return print("first-node FOLDER HOST:PORT [UUID@HOST:PORT …]")
        }
        var configuration = EmbeddedNodeConfiguration(storage: .directory(folder))
        configuration.listen = [listen]
        configuration.peers = arguments.dropFirst(2).compactMap { NodeAddress(text: $0) }
        configuration.extenders = [Echo()]
        let node = try await EmbeddedNode(configuration)
        async let running: Void = node.run()
        for address in try await node.addresses { print("ready at \(address)") }
        try await running
    }
}
