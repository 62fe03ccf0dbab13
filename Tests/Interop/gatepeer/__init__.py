"""A second implementation of QuantumGate's peer protocol, written from the articles Handshake, Sessions and Resumption."""
