import GateCrypto
import NIOCore
import Testing

@testable import GateRelay

/// Layers, onions and plain cells (article Circuits).
@Suite struct CircuitVectors {
    @Test func `cells are what is committed`() throws {
        try VectorFile(name: "circuits").check([
            "layers": .list(try layers()), "forward": .list(try forward()), "backward": .list(try backward()),
            "plain": .list(plain()), "extend": .list([extend()]),
        ])
    }

    // MARK: Layers

    private func layers() throws -> [Json] {
        let kinds: [(cipher: NoiseCipher, rootBytes: Int, depth: Int)] = [
            (.aesGCM, 32, 0), (.chaChaPoly, 64, 7), (.aesGCM, 64, 15),
        ]
        return try kinds.map { kind in
            let slab = try SecretSlab()
            let root = pattern(kind.rootBytes, from: 0x20)
            let layer = try HopLayer(root: secret(root, in: slab), cipher: kind.cipher, depth: kind.depth, in: slab)
            func key(_ label: Label) throws -> Json {
                .hex(try KeyDerivation.expand(key: secret(root, in: slab), label: label, count: 32, in: slab).bytes())
            }
            var bodies: [Json] = []
            for direction in [HopLayer.Direction.forward, .backward] {
                for (flag, first) in [(CellFlag.passOn, UInt8(1)), (.forYou, 2)] {
                    let body = pattern(Cell.bodyByteCount, from: first)
                    bodies.append([
                        "direction": direction == .forward ? "forward" : "backward",
                        "flag": .number(Int(flag.rawValue)), "body_counts_from": .number(Int(first)),
                        "sealed": .hex(try sealed(body, layer, flag, direction)),
                    ])
                }
            }
            return [
                "cipher": .number(Int(kind.cipher.rawValue)), "root": .hex(root), "depth": .number(kind.depth),
                "forward_key": try key(.cellForward), "backward_key": try key(.cellBackward), "bodies": .list(bodies),
            ]
        }
    }

    private struct UsedUp: Error {}

    private func sealed(
        _ body: [UInt8], _ layer: HopLayer, _ flag: CellFlag, _ direction: HopLayer.Direction
    ) throws -> [UInt8] {
        var body = body
        let isSealed = body.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { layer.seal($0, flag, direction) } ?? false
        }
        guard isSealed else { throw UsedUp() }
        return body
    }

    // MARK: Onions

    /// A circuit of three hops from depth 2 on; the one in the middle has ChaCha20-Poly1305 and a longer root.
    private static let startDepth = 2
    private static let hops: [(cipher: NoiseCipher, root: [UInt8])] = [
        (.aesGCM, pattern(32, from: 1)), (.chaChaPoly, pattern(64, from: 2)), (.aesGCM, pattern(32, from: 3)),
    ]

    private func circuit() throws -> OriginLayers {
        let slab = try SecretSlab()
        var layers = OriginLayers(startDepth: Self.startDepth)
        for (index, hop) in Self.hops.enumerated() {
            layers.append(
                try HopLayer(
                    root: secret(hop.root, in: slab), cipher: hop.cipher, depth: Self.startDepth + index, in: slab))
        }
        return layers
    }

    private var hops: [Json] {
        Self.hops.map { ["cipher": .number(Int($0.cipher.rawValue)), "root": .hex($0.root)] }
    }

    /// What the origin sends: fragments for the last hop, then bytes for the destination.
    private func forward() throws -> [Json] {
        let layers = try circuit()
        var random = FastRandom(seed: pattern(32, from: 5))
        var cells: [Json] = []
        let sent: [(CircuitCommand, Int, CellFlag)] = [
            (.extend, 1, .forYou), (.extend, 0, .forYou), (.data, 0, .passOn),
        ]
        for (number, (command, remaining, flag)) in sent.enumerated() {
            let content = pattern(30, from: UInt8(number))
            var (source, cell) = (ByteBuffer(bytes: content), ByteBuffer())
            guard
                layers.wrap(
                    command, remaining: remaining, from: &source, last: flag, circuit: 0x0102_0305, random: &random,
                    into: &cell)
            else { throw UsedUp() }
            cells.append([
                "circuit": 0x0102_0305, "start_depth": .number(Self.startDepth), "hops": .list(hops),
                "number": .number(number), "command": .number(Int(command.rawValue)),
                "remaining": .number(remaining), "flag_of_last": .number(Int(flag.rawValue)),
                "content": .hex(content), "cell": cell.json,
            ])
        }
        return cells
    }

    /// What comes back: from each hop in turn a region of its own, which the hops before it pass on.
    private func backward() throws -> [Json] {
        let layers = try circuit().layers
        return try layers.indices.map { source in
            var body = pattern(Cell.bodyByteCount, from: UInt8(0x60 + source))
            for index in (0...source).reversed() {
                body = try sealed(body, layers[index], index == source ? .forYou : .passOn, .backward)
            }
            return [
                "start_depth": .number(Self.startDepth), "hops": .list(hops), "number": .number(source),
                "source": .number(source), "body_counts_from": .number(0x60 + source), "body": .hex(body),
            ]
        }
    }

    // MARK: Plain cells

    private func plain() -> [Json] {
        let kinds: [(CellKind, CircuitCommand, bytes: Int, cells: Int)] = [
            (.create, .handshake, 1301, 1), (.created, .handshake, 1939, 2), (.created, .handshake, 11_982, 7),
            (.open, .open, 1, 1),
        ]
        return kinds.map { kind, command, bytes, count in
            let message = pattern(bytes, from: 7)
            let cells = CellWriter.plain(
                CellHeader(circuit: 3, kind: kind), command, ByteBuffer(bytes: message), count: count)
            return [
                "circuit": 3, "kind": .number(Int(kind.rawValue)), "command": .number(Int(command.rawValue)),
                "content_counts_from": 7, "content_bytes": .number(bytes), "count": .number(count),
                "cells": cells.json,
            ]
        }
    }

    private func extend() -> Json {
        let (record, content) = (pattern(135, from: 0), pattern(1301, from: 9))
        var encoded = ByteBuffer()
        ExtendRequest(record: ByteBuffer(bytes: record), cellCount: 1, handshake: ByteBuffer(bytes: content))
            .encode(into: &encoded)
        return [
            "record": .hex(record), "cell_count": 1, "content": .hex(content), "encoded": encoded.json,
        ]
    }
}
