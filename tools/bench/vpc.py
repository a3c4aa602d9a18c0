"""The VPC of the benchmark: its instances as EC2 describes them, and who launched them.

Half of the instances lack the three tags of the default rules, one in a thousand has no tag at all,
and the others are in order.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

VPC_ID = "vpc-0123456789abcdef0"
ACCOUNT_ID = "123456789012"
PROJECT_CODE = "Proj007"
DAYS = 60
"""The instances were launched evenly over so many days."""

_MANY_TAGS = tuple((f"cost-centre-{number:02}", f"value {number:02}") for number in range(45))


@dataclass(frozen=True)
class Shape:
    """What a VPC is like.

    ``lacking`` is the share of instances that lack the tags of the rules, ``untagged`` how many in
    a thousand have none, ``together`` how many one call launched, ``reservation`` how many share a
    reservation, ``more_tags`` how many further tags each has.
    """

    instances: int
    lacking: float = 0.5
    untagged: int = 1
    creators: int = 50
    together: int = 5
    reservation: int = 1
    more_tags: int = 0


@dataclass(frozen=True)
class Launch:
    """One launch: its event as LookupEvents returns it, when, by whom, and of which instances."""

    time: datetime
    creator: str
    instance_ids: Sequence[str]
    event: str


@dataclass
class Vpc:
    """The instances of a shape, precomputed. ``now`` is when the benchmark runs."""

    shape: Shape
    now: datetime
    ids: list[str] = field(init=False)

    def __post_init__(self) -> None:
        # As EC2's ids are: no order, any hexadecimal digit at the end.
        self.ids = [
            f"i-0{number * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF:016x}"
            for number in range(1, self.shape.instances + 1)
        ]
        self.number = {instance_id: number for number, instance_id in enumerate(self.ids)}

    def is_untagged(self, number: int) -> bool:
        """Tell whether an instance has no tags."""
        return number % 1000 < self.shape.untagged

    def is_lacking(self, number: int) -> bool:
        """Tell whether an instance has tags, and lacks those of the rules."""
        lacks = int(number * self.shape.lacking) != int((number + 1) * self.shape.lacking)
        return lacks and not self.is_untagged(number)

    @cached_property
    def lacking(self) -> list[str]:
        """The ids of the instances that lack tags."""
        return [self.ids[number] for number in range(len(self.ids)) if self.is_lacking(number)]

    @cached_property
    def untagged(self) -> list[str]:
        """The ids of the instances that have no tags."""
        return [self.ids[number] for number in range(len(self.ids)) if self.is_untagged(number)]

    def launched_at(self, number: int) -> datetime:
        """Return when an instance was launched."""
        first = number - number % self.shape.together
        return self.now - timedelta(days=DAYS) * (1 - first / self.shape.instances) - _A_DAY

    def creator(self, number: int) -> str:
        """Return who launched an instance."""
        return f"user{number // self.shape.together % self.shape.creators:04}"

    def tags(self, number: int) -> list[tuple[str, str]]:
        """Return the tags of an instance."""
        if self.is_untagged(number):
            return []
        tags = [
            ("Name", f"web-{number}"),
            ("Team", "platform"),
            *_MANY_TAGS[: self.shape.more_tags],
        ]
        if not self.is_lacking(number):
            tags += [("ProjectCode", "P1"), ("CreatedBy", "alice"), ("Expires", "2027-01-01")]
        return tags

    @cached_property
    def fragments(self) -> list[tuple[str, str, str]]:
        """Each instance as XML: what comes before its tags, its tags, and what comes after."""
        return [self._fragment(number) for number in range(len(self.ids))]

    def _fragment(self, number: int) -> tuple[str, str, str]:
        launched = f"{self.launched_at(number):%Y-%m-%dT%H:%M:%S.000Z}"
        before, _, after = (
            _INSTANCE.replace("$ID", self.ids[number])
            .replace("$HEX", self.ids[number][2:])
            .replace("$TIME", launched)
            .partition("$TAGS")
        )
        tags = "".join(
            f"<item><key>{k}</key><value>{v}</value></item>" for k, v in self.tags(number)
        )
        return before, tags, after

    def reservations(self, numbers: Sequence[int]) -> Iterator[str]:
        """Yield the reservations of some instances as XML."""
        size = self.shape.reservation
        for at in range(0, len(numbers), size):
            some = numbers[at : at + size]
            members = ("".join(self.fragments[number]) for number in some)
            first = self.ids[some[0]][2:]
            yield _RESERVATION.replace("$HEX", first).replace("$X", "".join(members))

    def ending_in(self, digits: str) -> Sequence[int]:
        """Return the instances whose ids end in one of some digits; all for none."""
        if not digits:
            return range(len(self.ids))
        return [number for number, one in enumerate(self.ids) if one[-1] in digits]

    @cached_property
    def launches(self) -> list[Launch]:
        """The launches of all instances, oldest first."""
        return [
            self._launch(first, self.ids[first : first + self.shape.together])
            for first in range(0, len(self.ids), self.shape.together)
        ]

    @cached_property
    def launch_of(self) -> dict[str, Launch]:
        """The launch of each instance, by its id."""
        return {i: launch for launch in self.launches for i in launch.instance_ids}

    def _launch(self, first: int, ids: Sequence[str]) -> Launch:
        time, creator = self.launched_at(first), self.creator(first)
        event_id = f"00000000-0000-4000-8000-{first:012x}"
        record = {
            "eventVersion": "1.10",
            "userIdentity": {
                "type": "IAMUser",
                "principalId": "AIDAEXAMPLE",
                "arn": f"arn:aws:iam::{ACCOUNT_ID}:user/{creator}",
                "accountId": ACCOUNT_ID,
                "accessKeyId": "AKIAEXAMPLE",
                "userName": creator,
            },
            "eventTime": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": "ec2.amazonaws.com",
            "eventName": "RunInstances",
            "awsRegion": "eu-west-1",
            "sourceIPAddress": "192.0.2.1",
            "userAgent": "aws-cli/2.15.0",
            "requestParameters": {
                "instancesSet": {"items": [{"imageId": "ami-0abcdef1234567890", "minCount": 1}]},
                "instanceType": "m6i.large",
                "subnetId": "subnet-0123456789abcdef0",
            },
            "responseElements": {
                "requestId": event_id,
                "reservationId": f"r-0{first:016x}",
                "ownerId": ACCOUNT_ID,
                "instancesSet": {
                    "items": [
                        {
                            "instanceId": instance_id,
                            "imageId": "ami-0abcdef1234567890",
                            "instanceState": {"code": 0, "name": "pending"},
                            "instanceType": "m6i.large",
                            "launchTime": int(time.timestamp() * 1000),
                            "placement": {"availabilityZone": "eu-west-1a", "tenancy": "default"},
                            "subnetId": "subnet-0123456789abcdef0",
                            "vpcId": VPC_ID,
                            "privateIpAddress": "10.0.0.1",
                        }
                        for instance_id in ids
                    ]
                },
            },
            "requestID": event_id,
            "eventID": event_id,
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ACCOUNT_ID,
            "eventCategory": "Management",
        }
        event = {
            "EventId": event_id,
            "EventName": "RunInstances",
            "ReadOnly": "false",
            "EventTime": time.timestamp(),
            "EventSource": "ec2.amazonaws.com",
            "Username": creator,
            "Resources": [{"ResourceType": "AWS::EC2::Instance", "ResourceName": i} for i in ids],
            "CloudTrailEvent": json.dumps(record),
        }
        return Launch(time, creator, ids, json.dumps(event))


_A_DAY = timedelta(days=1)

_RESERVATION = (
    "<item><reservationId>r-$HEX</reservationId><ownerId>123456789012</ownerId><groupSet/>"
    "<instancesSet>$X</instancesSet></item>"
)

# An instance as DescribeInstances answers it:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
_INSTANCE = """<item><instanceId>$ID</instanceId><imageId>ami-0abcdef1234567890</imageId>
<instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName>ip-10-0-0-1.eu-west-1.compute.internal</privateDnsName><dnsName/><reason/>
<keyName>ops</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/>
<instanceType>m6i.large</instanceType><launchTime>$TIME</launchTime>
<placement><availabilityZone>eu-west-1a</availabilityZone><groupName/><tenancy>default</tenancy>
</placement><monitoring><state>disabled</state></monitoring>
<subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId>
<privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck>
<groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>web</groupName></item></groupSet>
<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>
<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping><item>
<deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-$HEX</volumeId><status>attached</status>
<attachTime>$TIME</attachTime><deleteOnTermination>true</deleteOnTermination></ebs></item>
</blockDeviceMapping><virtualizationType>hvm</virtualizationType>
<clientToken>11111111-2222-3333-4444-555555555555</clientToken><tagSet>$TAGS</tagSet>
<hypervisor>xen</hypervisor><networkInterfaceSet><item>
<networkInterfaceId>eni-$HEX</networkInterfaceId><subnetId>subnet-0123456789abcdef0</subnetId>
<vpcId>vpc-0123456789abcdef0</vpcId><description/><ownerId>123456789012</ownerId>
<status>in-use</status><macAddress>02:00:00:00:00:01</macAddress>
<privateIpAddress>10.0.0.1</privateIpAddress>
<privateDnsName>ip-10-0-0-1.eu-west-1.compute.internal</privateDnsName>
<sourceDestCheck>true</sourceDestCheck>
<groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>web</groupName></item></groupSet>
<attachment><attachmentId>eni-attach-$HEX</attachmentId><deviceIndex>0</deviceIndex>
<status>attached</status><attachTime>$TIME</attachTime>
<deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex></attachment>
<privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress>
<privateDnsName>ip-10-0-0-1.eu-west-1.compute.internal</privateDnsName><primary>true</primary>
</item></privateIpAddressesSet><ipv6AddressesSet/><interfaceType>interface</interfaceType></item>
</networkInterfaceSet><iamInstanceProfile>
<arn>arn:aws:iam::123456789012:instance-profile/web</arn><id>AIPAEXAMPLE</id></iamInstanceProfile>
<ebsOptimized>true</ebsOptimized><cpuOptions><coreCount>1</coreCount>
<threadsPerCore>2</threadsPerCore></cpuOptions><capacityReservationSpecification>
<capacityReservationPreference>open</capacityReservationPreference>
</capacityReservationSpecification><hibernationOptions><configured>false</configured>
</hibernationOptions><metadataOptions><state>applied</state><httpTokens>required</httpTokens>
<httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>
<httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags>
</metadataOptions><enclaveOptions><enabled>false</enabled></enclaveOptions>
<bootMode>uefi-preferred</bootMode><platformDetails>Linux/UNIX</platformDetails>
<usageOperation>RunInstances</usageOperation>
<usageOperationUpdateTime>$TIME</usageOperationUpdateTime><privateDnsNameOptions>
<hostnameType>ip-name</hostnameType><enableResourceNameDnsARecord>false</enableResourceNameDnsARecord>
<enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord></privateDnsNameOptions>
<maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions>
<currentInstanceBootMode>uefi</currentInstanceBootMode></item>""".replace("\n", "")
