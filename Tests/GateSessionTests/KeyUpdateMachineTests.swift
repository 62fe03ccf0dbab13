import GateCrypto
import GateModel
import GateTestKit
import GateWire
import NIOCore
import Testing

@testable import GateSession

/// The machine alone: what each side's keys open, and what is derived.
@Suite struct KeyUpdateMachineTests {
    let node: TestNode
    let start = ManualClock().now

    init() throws { node = try TestNode(1, settings: .updating(seconds: 300)) }

    private func machine(_ role: SessionRole, suite: NoiseSuite = .standard) throws -> KeyUpdate {
        let root = try Secret(count: suite.hash.byteCount, in: node.environment.slab) {
            $0.copyBytes(from: 0..<UInt8(suite.hash.byteCount))
        }
        return KeyUpdate(
            root: root, suite: suite,
            established: Established(
                session: SessionID(UUIDBytes(high: 1, low: 1)), peer: .anonymous, context: .peer, role: role,
                version: PeerVersions.keyUpdate),
            environment: node.environment, at: start)
    }

    private func share(_ step: KeyUpdate.Step) throws -> KeyShare {
        guard case .send(let messages) = step else { throw NothingToSend() }
        switch messages.first {
        case .keyRequest(let share), .keyReply(let share): return share
        default: throw NothingToSend()
        }
    }

    private func secret(_ bytes: [UInt8]) throws -> Secret {
        try Secret(count: bytes.count, in: node.environment.slab) { $0.copyBytes(from: bytes) }
    }

    private func keys(
        _ root: [UInt8], _ suite: NoiseSuite, _ direction: RecordDirection, _ epoch: UInt32
    ) throws -> RecordKeys {
        try RecordKeys(
            root: secret(root), suite: suite, direction: direction, epoch: epoch, slab: node.environment.slab)
    }

    /// The first record under the keys: a ping.
    private func record(_ keys: consuming RecordKeys) -> ByteBuffer {
        var sealer = RecordSealer(keys)
        var record = ByteBuffer()
        let start = sealer.begin(&record)
        MessageCodec.encode(.ping(1), into: &record)
        sealer.finish(&record, start: start)
        return record
    }

    private func opens(_ record: ByteBuffer, _ keys: consuming RecordKeys) -> Bool {
        var opener = RecordOpener(keys)
        var input = record
        // Whatever length the mask gives, as much is there.
        input.writeRepeatingByte(0, count: 1 << 17)
        if case .record = opener.next(&input) { return true }
        return false
    }

    @Test(arguments: KeyUpdateTests.suites) func `both sides come to the same keys, and the old ones open nothing new`(
        _ suite: NoiseSuite
    ) throws {
        let root = Array(0..<UInt8(suite.hash.byteCount))
        var asker = try machine(.responder, suite: suite)
        var answerer = try machine(.initiator, suite: suite)
        let now = start + .seconds(300)

        let request = try share(asker.deadlinePassed(at: now, sealed: 0))
        let reply = try share(answerer.received(request: request, at: now))
        #expect(asker.received(reply: reply) == .send([.keySwitch(epoch: 1)]))
        let (there, back) = (record(asker.switched(at: now)), record(answerer.switched(at: now)))

        let byOld = [
            opens(there, try keys(root, suite, .responderToInitiator, 0)),
            opens(there, try keys(root, suite, .responderToInitiator, 1)),
            opens(back, try keys(root, suite, .initiatorToResponder, 0)),
        ]
        #expect(byOld == [false, false, false])
        guard let forThere = answerer.received(switchTo: 1, at: now), let forBack = asker.received(switchTo: 1, at: now)
        else { throw NothingToSend() }
        let byNew = [opens(there, forThere), opens(back, forBack)]
        #expect(byNew == [true, true])
        #expect(asker.phase == .standing && asker.epoch == 1)
        #expect(answerer.phase == .standing && answerer.epoch == 1)
    }

    @Test(arguments: KeyUpdateTests.suites) func `keys open their own epoch and direction, nothing before or after`(
        _ suite: NoiseSuite
    ) throws {
        let slab = node.environment.slab
        var roots = [Array(0..<UInt8(suite.hash.byteCount))]
        for epoch: UInt32 in 1...2 {
            let share = KeyShare(epoch: epoch, agreement: [UInt8](repeating: 1, count: 32), encapsulation: [2])
            let root = try KeyUpdate.root(
                after: secret(roots[Int(epoch) - 1]), fresh: secret([UInt8](repeating: 3, count: 64)), suite: suite,
                asker: .initiator, request: share, reply: share, slab: slab)
            roots.append(root.withUnsafeBytes { Array($0) })
        }
        let all = [RecordDirection.initiatorToResponder, .responderToInitiator].flatMap { direction in
            (0...2).map { (direction, $0) }
        }
        for (direction, epoch) in all {
            let record = record(try keys(roots[epoch], suite, direction, UInt32(epoch)))
            for (other, number) in all {
                let isOpen = opens(record, try keys(roots[number], suite, other, UInt32(number)))
                #expect(isOpen == (direction == other && epoch == number))
            }
        }
    }

    /// The example of the article KeyUpdate, computed there by other code.
    @Test func `the root of the example is the article's`() throws {
        let slab = node.environment.slab
        func bytes(_ byte: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: byte, count: count) }

        let root = try KeyUpdate.root(
            after: secret(Array(0..<32)), fresh: secret(bytes(0x20, 32) + bytes(0x21, 32)), suite: .standard,
            asker: .responder,
            request: KeyShare(epoch: 1, agreement: bytes(0x22, 32), encapsulation: bytes(0x23, 1184)),
            reply: KeyShare(epoch: 1, agreement: bytes(0x24, 32), encapsulation: bytes(0x25, 1088)), slab: slab)

        let expected = "e7fe469888c0119fc6d85351692fb61fb0c9ccd30d4e2bb0982ca29118fe04f5"
        #expect(root.withUnsafeBytes { ByteBuffer(bytes: $0).hexDump(format: .compact) } == expected)
        let record = record(
            try RecordKeys(root: root, suite: .standard, direction: .initiatorToResponder, epoch: 1, slab: slab))
        let key = try #require(Self.bytes("f94c50084f481e919dec8ed28cc158cee43704cccf9de2851da2780313bd8ef3"))
        let lengthKey = try #require(Self.bytes("611fd91fb6e82e3ce08b2239e27b21df"))
        let mask = RecordLengthMask(key: try secret(lengthKey)).mask(counter: 0)
        #expect(record.getInteger(at: 0, as: UInt16.self) == 25 ^ mask)
        var plaintext = [UInt8](repeating: 0, count: 9)
        let cipher = RecordCipher(.aesGCM, key: try secret(key))
        let isOpen = record.withUnsafeReadableBytes { record in
            plaintext.withUnsafeMutableBytes {
                cipher.open(
                    UnsafeRawBufferPointer(rebasing: record[2...]), counter: 0,
                    associated: UnsafeRawBufferPointer(rebasing: record[..<2]), into: $0)
            }
        }
        #expect(isOpen && plaintext == [1, 0, 0, 0, 0, 0, 0, 0, 1])
    }

    @Test func `every part of an update is in its root`() throws {
        let slab = node.environment.slab
        let share = KeyShare(
            epoch: 1, agreement: [UInt8](repeating: 1, count: 32), encapsulation: [UInt8](repeating: 2, count: 1184))
        func root(
            _ old: UInt8 = 0, _ fresh: [UInt8] = [UInt8](repeating: 3, count: 64), _ asker: SessionRole = .initiator,
            _ request: KeyShare? = nil, _ reply: KeyShare? = nil, _ cipher: NoiseCipher = .aesGCM
        ) throws -> [UInt8] {
            try KeyUpdate.root(
                after: secret([UInt8](repeating: old, count: 32)), fresh: secret(fresh),
                suite: NoiseSuite(kem: .mlkem768, cipher: cipher, hash: .sha256), asker: asker,
                request: request ?? share, reply: reply ?? share, slab: slab
            ).withUnsafeBytes { Array($0) }
        }
        var (agreement, encapsulation, epoch) = (share, share, share)
        agreement.agreement[31] ^= 1
        encapsulation.encapsulation[1183] ^= 1
        epoch.epoch = 2
        let fresh = [UInt8](repeating: 3, count: 64)
        let roots = [
            try root(), try root(1), try root(0, fresh.dropLast() + [4]), try root(0, [4] + fresh.dropFirst()),
            try root(0, fresh, .responder), try root(0, fresh, .initiator, agreement),
            try root(0, fresh, .initiator, encapsulation), try root(0, fresh, .initiator, epoch),
            try root(0, fresh, .initiator, share, agreement), try root(0, fresh, .initiator, share, encapsulation),
            try root(0, fresh, .initiator, share, share, .chaChaPoly),
        ]
        #expect(Set(roots).count == roots.count)
    }

    @Test func `a request or reply that somebody changed leads to keys that do not open`() throws {
        for part in 0..<4 {
            var asker = try machine(.initiator)
            var answerer = try machine(.responder)
            let now = start + .seconds(300)
            var request = try share(asker.deadlinePassed(at: now, sealed: 0))
            // Another key of the same kind, and another bit of a key or ciphertext.
            if part == 0 { request.agreement[3] ^= 1 }
            if part == 1 { request.encapsulation[1183] ^= 1 }
            var reply = try share(answerer.received(request: request, at: now))
            if part == 2 { reply.agreement[3] ^= 1 }
            if part == 3 { reply.encapsulation[500] ^= 1 }
            #expect(asker.received(reply: reply) == .send([.keySwitch(epoch: 1)]))

            let record = record(answerer.switched(at: now))
            guard let keys = asker.received(switchTo: 1, at: now) else { throw NothingToSend() }
            let isOpen = opens(record, keys)
            #expect(isOpen == false, "part \(part)")
        }
    }

    @Test(arguments: [0, 999, 1000]) func `requests come a second apart`(_ milliseconds: Int) throws {
        var machine = try machine(.responder)
        for epoch: UInt32 in 1...2 {
            let offer = try HybridOffer(.mlkem768, entropy: .system, in: node.environment.slab)
            let request = KeyShare(
                epoch: epoch, agreement: offer.agreementKey, encapsulation: offer.encapsulationKey)
            let now = epoch == 1 ? start : start + .milliseconds(milliseconds)
            let step = machine.received(request: request, at: now)
            if epoch == 2, milliseconds < 1000 {
                #expect(step == .fail(.limitExceeded))
            } else {
                _ = try share(step)
                _ = machine.switched(at: now)
                let isSwitched = machine.received(switchTo: epoch, at: now) != nil
                #expect(isSwitched)
            }
        }
    }

    @Test func `a side rests after an update, however much it seals`() throws {
        var asker = try machine(.initiator)
        var answerer = try machine(.responder)
        node.environment.settings.keyVolume = 1
        defer { node.environment.settings.keyVolume = 1 << 40 }
        let now = start + .seconds(300)
        let request = try share(asker.deadlinePassed(at: now, sealed: 0))
        _ = asker.received(reply: try share(answerer.received(request: request, at: now)))
        _ = asker.switched(at: now)
        let isSwitched = asker.received(switchTo: 1, at: now) != nil
        #expect(isSwitched)
        #expect(asker.nextDeadline(sealed: 1 << 50) == now + .seconds(2))
        #expect(asker.deadlinePassed(at: now + .milliseconds(1999), sealed: 1 << 50) == .none)
        #expect(try share(asker.deadlinePassed(at: now + .seconds(2), sealed: 1 << 50)).epoch == 2)
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        (try? ByteBuffer(plainHexEncodedBytes: hex)).map { Array($0.readableBytesView) }
    }
}

private struct NothingToSend: Error {}
