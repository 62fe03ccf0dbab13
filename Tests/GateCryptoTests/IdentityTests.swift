import GateCrypto
import GateModel
import NIOCore
import Testing

@Suite struct Identities {
    @Test func `the UUID is made of the bundle as documented`() throws {
        // RFC 8032, section 7.1, test 1; hash by Python's hashlib.
        let seed = try Hex.bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        let identity = try IdentityKey(seed: try GuardedSecret(seed))
        #expect(
            identity.bundle.signingKey
                == (try Hex.bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")))
        #expect(
            identity.bundle.hash == (try Hex.bytes("32a81e40f353c904a93126f65ed02e84718151524a67831752db94cc960ecf95")))
        #expect(identity.bundle.uuid == NodeUUID(text: "32a81e40-f353-8904-a931-26f65ed02e84"))
        let text = identity.bundle.uuid.description
        #expect(Array(text)[14] == "8" && "89ab".contains(Array(text)[19]))
    }

    @Test func `a bundle has one encoding`() throws {
        let bundle = try IdentityKey.generate().bundle
        var buffer = ByteBuffer(bytes: bundle.encoded + [9])
        #expect(IdentityBundle(from: &buffer) == bundle)
        #expect(buffer.readableBytes == 1)
        for count in 0..<bundle.encoded.count {
            var cut = ByteBuffer(bytes: bundle.encoded.prefix(count))
            #expect(IdentityBundle(from: &cut) == nil)
            #expect(cut.readableBytes == count)
        }
        for head in [[0, 1], [2, 1], [1, 0], [1, 2]] as [[UInt8]] {
            var wrong = ByteBuffer(bytes: head + bundle.signingKey)
            #expect(IdentityBundle(from: &wrong) == nil)
        }
    }

    @Test func `a signature is Ed25519 over label and bytes, for that label only`() throws {
        let identity = try IdentityKey.generate()
        let signature = identity.sign(.nodeRecord, [1, 2, 3])
        let key = identity.bundle.signingKey
        #expect(Signing.isSigned(.nodeRecord, [1, 2, 3], by: key, signature: signature))
        #expect(!Signing.isSigned(.workerCertificate, [1, 2, 3], by: key, signature: signature))
        #expect(!Signing.isSigned(.nodeRecord, [1, 2, 4], by: key, signature: signature))
        #expect(!Signing.isSigned(.nodeRecord, [1, 2, 3], by: key, signature: Array(signature.dropLast())))
        let other = try IdentityKey.generate().bundle.signingKey
        #expect(!Signing.isSigned(.nodeRecord, [1, 2, 3], by: other, signature: signature))
    }

    @Test func `an identity comes back from its sealed form, under the same key only`() throws {
        let (key, otherKey) = (try Vault.makeKey(), try Vault.makeKey())
        let identity = try IdentityKey.generate()
        let row = try identity.sealed(with: key)
        #expect(try IdentityKey(unsealing: row, with: key).bundle == identity.bundle)
        #expect(throws: VaultFailure.notAuthentic) { try IdentityKey(unsealing: row, with: otherKey) }
        #expect(try identity.sealed(with: key) != row)
    }

    @Test func `possession is proven under one name, key and challenge`() throws {
        let (key, other) = (try StaticKey(), try StaticKey())
        let (challenge, later) = (try PossessionChallenge(), try PossessionChallenge())
        let proof = try #require(key.provePossession(challenge: challenge.publicKey, name: "kernel-1"))
        #expect(challenge.isAnswered(by: proof, staticKey: key.publicKey, name: "kernel-1"))
        #expect(!challenge.isAnswered(by: proof, staticKey: key.publicKey, name: "kernel-2"))
        #expect(!challenge.isAnswered(by: proof, staticKey: other.publicKey, name: "kernel-1"))
        #expect(!later.isAnswered(by: proof, staticKey: key.publicKey, name: "kernel-1"))
        #expect(!challenge.isAnswered(by: [], staticKey: key.publicKey, name: "kernel-1"))
        #expect(!challenge.isAnswered(by: proof, staticKey: [1], name: "kernel-1"))
        let stranger = try #require(other.provePossession(challenge: challenge.publicKey, name: "kernel-1"))
        #expect(!challenge.isAnswered(by: stranger, staticKey: key.publicKey, name: "kernel-1"))
        #expect(key.provePossession(challenge: [UInt8](repeating: 0, count: 32), name: "kernel-1") == nil)
        for bit in 0..<256 {
            var changed = proof
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!challenge.isAnswered(by: changed, staticKey: key.publicKey, name: "kernel-1"))
        }
    }
}

@Suite struct Vaults {
    @Test func `a value opens under its key, label and context only`() throws {
        let (key, otherKey) = (try Vault.makeKey(), try Vault.makeKey())
        let row = try Vault.seal([1, 2, 3], label: .vaultExport, context: [7], with: key)
        #expect(row.count == 3 + Vault.overheadByteCount)
        #expect(
            try Vault.open(row, label: .vaultExport, context: [7], with: key).withUnsafeBytes { Array($0) } == [
                1, 2, 3,
            ])
        #expect(throws: VaultFailure.notAuthentic) {
            try Vault.open(row, label: .vaultExport, context: [7], with: otherKey)
        }
        #expect(throws: VaultFailure.notAuthentic) {
            try Vault.open(row, label: .vaultIdentity, context: [7], with: key)
        }
        #expect(throws: VaultFailure.notAuthentic) { try Vault.open(row, label: .vaultExport, context: [8], with: key) }
    }

    @Test func `any flipped bit and any cut is refused`() throws {
        let key = try Vault.makeKey()
        let row = try Vault.seal(Array(0..<32), label: .vaultIdentity, with: key)
        for bit in 0..<row.count * 8 {
            var changed = row
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: VaultFailure.self) { try Vault.open(changed, label: .vaultIdentity, with: key) }
        }
        for count in 0..<row.count {
            #expect(throws: VaultFailure.self) {
                try Vault.open(Array(row.prefix(count)), label: .vaultIdentity, with: key)
            }
        }
    }

    @Test func `empty and oversized values and keys of another length are refused`() throws {
        let key = try Vault.makeKey()
        let large = [UInt8](repeating: 0, count: Vault.valueBytesMax)
        #expect(throws: VaultFailure.malformed) { try Vault.seal([], label: .vaultExport, with: key) }
        #expect(throws: VaultFailure.malformed) { try Vault.seal(large + [0], label: .vaultExport, with: key) }
        #expect(throws: VaultFailure.malformed) {
            try Vault.seal([1], label: .vaultExport, with: try GuardedSecret([1, 2, 3]))
        }
        let row = try Vault.seal(large, label: .vaultExport, with: key)
        #expect(try Vault.open(row, label: .vaultExport, with: key).count == large.count)
    }

    @Test func `a network's secret gives two keys, and a passphrase gives the same to all`() throws {
        let one = try SharedSecret(try GuardedSecret([UInt8](repeating: 1, count: 32)))
        #expect(one.psk.withUnsafeBytes { Array($0) } != one.maskingKey.withUnsafeBytes { Array($0) })
        let passphrase = try GuardedSecret(Array("correct horse battery".utf8))
        let first = try #require(try SharedSecret.stretching(passphrase))
        let second = try #require(try SharedSecret.stretching(passphrase))
        #expect(first.psk.withUnsafeBytes { Array($0) } == second.psk.withUnsafeBytes { Array($0) })
        #expect(try SharedSecret.stretching(try GuardedSecret(Array("short".utf8))) == nil)
    }
}
