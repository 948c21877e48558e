from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    MANIFEST_HEAD: _ClassVar[Kind]
    ANNOUNCEMENT: _ClassVar[Kind]
    ADMISSION: _ClassVar[Kind]
    EQUIVOCATION: _ClassVar[Kind]

class Quality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUALITY_UNSPECIFIED: _ClassVar[Quality]
    ORIGINAL: _ClassVar[Quality]
    REENCODED: _ClassVar[Quality]
KIND_UNSPECIFIED: Kind
MANIFEST_HEAD: Kind
ANNOUNCEMENT: Kind
ADMISSION: Kind
EQUIVOCATION: Kind
QUALITY_UNSPECIFIED: Quality
ORIGINAL: Quality
REENCODED: Quality

class Envelope(_message.Message):
    __slots__ = ("kind", "author_key", "body", "signature")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_KEY_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    kind: Kind
    author_key: bytes
    body: bytes
    signature: bytes
    def __init__(self, kind: _Optional[_Union[Kind, str]] = ..., author_key: _Optional[bytes] = ..., body: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ManifestHead(_message.Message):
    __slots__ = ("collection", "version", "issued_at", "body_sha256", "body_bytes")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    version: int
    issued_at: int
    body_sha256: bytes
    body_bytes: int
    def __init__(self, collection: _Optional[bytes] = ..., version: _Optional[int] = ..., issued_at: _Optional[int] = ..., body_sha256: _Optional[bytes] = ..., body_bytes: _Optional[int] = ...) -> None: ...

class ManifestBody(_message.Message):
    __slots__ = ("name", "description", "target_min_replicas", "target_max_replicas", "shards")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TARGET_MIN_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    TARGET_MAX_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    target_min_replicas: int
    target_max_replicas: int
    shards: _containers.RepeatedCompositeFieldContainer[Shard]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., target_min_replicas: _Optional[int] = ..., target_max_replicas: _Optional[int] = ..., shards: _Optional[_Iterable[_Union[Shard, _Mapping]]] = ...) -> None: ...

class Shard(_message.Message):
    __slots__ = ("index", "name", "info_hash_v2", "info_hash_v1", "torrent_sha256", "torrent_bytes", "bytes", "files", "items", "popularity_min", "popularity_max", "demand_ppb", "quality", "codec", "phase", "rights", "target_weight_ppm", "withdrawn_reason")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INFO_HASH_V2_FIELD_NUMBER: _ClassVar[int]
    INFO_HASH_V1_FIELD_NUMBER: _ClassVar[int]
    TORRENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    TORRENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    POPULARITY_MIN_FIELD_NUMBER: _ClassVar[int]
    POPULARITY_MAX_FIELD_NUMBER: _ClassVar[int]
    DEMAND_PPB_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    TARGET_WEIGHT_PPM_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_REASON_FIELD_NUMBER: _ClassVar[int]
    index: int
    name: str
    info_hash_v2: bytes
    info_hash_v1: bytes
    torrent_sha256: bytes
    torrent_bytes: int
    bytes: int
    files: int
    items: int
    popularity_min: int
    popularity_max: int
    demand_ppb: int
    quality: Quality
    codec: str
    phase: int
    rights: str
    target_weight_ppm: int
    withdrawn_reason: str
    def __init__(self, index: _Optional[int] = ..., name: _Optional[str] = ..., info_hash_v2: _Optional[bytes] = ..., info_hash_v1: _Optional[bytes] = ..., torrent_sha256: _Optional[bytes] = ..., torrent_bytes: _Optional[int] = ..., bytes: _Optional[int] = ..., files: _Optional[int] = ..., items: _Optional[int] = ..., popularity_min: _Optional[int] = ..., popularity_max: _Optional[int] = ..., demand_ppb: _Optional[int] = ..., quality: _Optional[_Union[Quality, str]] = ..., codec: _Optional[str] = ..., phase: _Optional[int] = ..., rights: _Optional[str] = ..., target_weight_ppm: _Optional[int] = ..., withdrawn_reason: _Optional[str] = ...) -> None: ...

class Announcement(_message.Message):
    __slots__ = ("sequence", "issued_at", "expires_at", "coordination", "bittorrent", "pledge_bytes", "free_bytes", "down_bytes_per_second", "up_bytes_per_second", "operator", "country", "asn", "agent", "collections")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    COORDINATION_FIELD_NUMBER: _ClassVar[int]
    BITTORRENT_FIELD_NUMBER: _ClassVar[int]
    PLEDGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DOWN_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    UP_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    ASN_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    issued_at: int
    expires_at: int
    coordination: _containers.RepeatedCompositeFieldContainer[Endpoint]
    bittorrent: _containers.RepeatedCompositeFieldContainer[Endpoint]
    pledge_bytes: int
    free_bytes: int
    down_bytes_per_second: int
    up_bytes_per_second: int
    operator: str
    country: str
    asn: int
    agent: str
    collections: _containers.RepeatedCompositeFieldContainer[CollectionState]
    def __init__(self, sequence: _Optional[int] = ..., issued_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., coordination: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ..., bittorrent: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ..., pledge_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ..., down_bytes_per_second: _Optional[int] = ..., up_bytes_per_second: _Optional[int] = ..., operator: _Optional[str] = ..., country: _Optional[str] = ..., asn: _Optional[int] = ..., agent: _Optional[str] = ..., collections: _Optional[_Iterable[_Union[CollectionState, _Mapping]]] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("ip", "port")
    IP_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    ip: bytes
    port: int
    def __init__(self, ip: _Optional[bytes] = ..., port: _Optional[int] = ...) -> None: ...

class CollectionState(_message.Message):
    __slots__ = ("collection", "manifest_version", "holdings", "claims", "releases", "parting", "declined")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    RELEASES_FIELD_NUMBER: _ClassVar[int]
    PARTING_FIELD_NUMBER: _ClassVar[int]
    DECLINED_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    manifest_version: int
    holdings: bytes
    claims: _containers.RepeatedCompositeFieldContainer[Claim]
    releases: _containers.RepeatedCompositeFieldContainer[Release]
    parting: bool
    declined: bytes
    def __init__(self, collection: _Optional[bytes] = ..., manifest_version: _Optional[int] = ..., holdings: _Optional[bytes] = ..., claims: _Optional[_Iterable[_Union[Claim, _Mapping]]] = ..., releases: _Optional[_Iterable[_Union[Release, _Mapping]]] = ..., parting: bool = ..., declined: _Optional[bytes] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("shard", "claimed_at", "expires_at", "fetching", "percent")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    FETCHING_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    shard: int
    claimed_at: int
    expires_at: int
    fetching: bool
    percent: int
    def __init__(self, shard: _Optional[int] = ..., claimed_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., fetching: bool = ..., percent: _Optional[int] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("shard", "announced_at")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCED_AT_FIELD_NUMBER: _ClassVar[int]
    shard: int
    announced_at: int
    def __init__(self, shard: _Optional[int] = ..., announced_at: _Optional[int] = ...) -> None: ...

class Admission(_message.Message):
    __slots__ = ("collection", "subject", "sequence", "issued_at", "expires_at", "grant", "quota", "policy")
    class Grant(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        GRANT_UNSPECIFIED: _ClassVar[Admission.Grant]
        MEMBER: _ClassVar[Admission.Grant]
        VOUCHER: _ClassVar[Admission.Grant]
        CURATOR: _ClassVar[Admission.Grant]
        REVOKED: _ClassVar[Admission.Grant]
    GRANT_UNSPECIFIED: Admission.Grant
    MEMBER: Admission.Grant
    VOUCHER: Admission.Grant
    CURATOR: Admission.Grant
    REVOKED: Admission.Grant
    class Policy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        POLICY_UNSPECIFIED: _ClassVar[Admission.Policy]
        OPEN: _ClassVar[Admission.Policy]
        VOUCHED: _ClassVar[Admission.Policy]
        LISTED: _ClassVar[Admission.Policy]
    POLICY_UNSPECIFIED: Admission.Policy
    OPEN: Admission.Policy
    VOUCHED: Admission.Policy
    LISTED: Admission.Policy
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    subject: bytes
    sequence: int
    issued_at: int
    expires_at: int
    grant: Admission.Grant
    quota: int
    policy: Admission.Policy
    def __init__(self, collection: _Optional[bytes] = ..., subject: _Optional[bytes] = ..., sequence: _Optional[int] = ..., issued_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., grant: _Optional[_Union[Admission.Grant, str]] = ..., quota: _Optional[int] = ..., policy: _Optional[_Union[Admission.Policy, str]] = ...) -> None: ...

class Equivocation(_message.Message):
    __slots__ = ("first", "second")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    first: bytes
    second: bytes
    def __init__(self, first: _Optional[bytes] = ..., second: _Optional[bytes] = ...) -> None: ...
