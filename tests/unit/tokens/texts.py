"""Texts of the kinds that prompts are made of, written for the tests that measure estimates."""

ENGLISH = """
The harbour was quiet when the first ferry came in. Two fishermen stood by the wall and watched the gulls circle over
the nets, and neither of them said a word about the storm. Everyone in town knew that the lighthouse had been dark
for an hour, but nobody could explain why. The keeper, a careful man who had never missed a night in thirty years,
only shrugged when they asked him, and went back to polishing the lamp. Later that week the council met to discuss
whether a machine should do his work. It would cost less, the treasurer explained, and it would not fall asleep;
against that stood the simple fact that a machine does not notice when a boat is in trouble. They voted on Thursday.
"""

GERMAN = """
Der Hafen lag still, als die erste Fähre einlief. Zwei Fischer standen an der Mauer und sahen den Möwen zu, die über
den Netzen kreisten, und keiner von beiden verlor ein Wort über den Sturm. Jeder in der Stadt wusste, dass der
Leuchtturm eine Stunde lang dunkel geblieben war, aber niemand konnte erklären, weshalb. Der Wärter, ein sorgfältiger
Mann, der in dreißig Jahren keine einzige Nacht gefehlt hatte, zuckte nur mit den Schultern und polierte weiter die
Lampe. Später in der Woche beriet der Gemeinderat darüber, ob eine Maschine seine Arbeit übernehmen solle. Sie würde
weniger kosten, erläuterte der Schatzmeister, und sie würde nicht einschlafen; dagegen sprach, dass eine Maschine es
nicht bemerkt, wenn ein Boot in Schwierigkeiten gerät. Am Donnerstag wurde abgestimmt.
"""

CHINESE = """
第一班渡轮进港的时候,港口很安静。两个渔民站在墙边,看着海鸥在渔网上空盘旋,谁也没有提起那场风暴。镇上的人都知道灯塔熄灭了一个小时,
但是没有人能解释原因。守塔人做事一向细心,三十年来从未缺席过一个晚上。别人问起的时候,他只是耸耸肩,又回去擦他的灯。那个星期晚些时候,
镇议会开会讨论是否应该用机器来代替他的工作。财务主管说,机器花费更少,而且不会睡着;反对的理由也很简单,机器不会注意到有船遇到了麻烦。
他们在星期四进行了投票。结果公布之后,大家沉默了很久,然后慢慢走回家去。第二天早上,灯塔的灯又亮了起来,没有人知道是谁点亮的。
"""

PYTHON = '''
class Window:
    """Counts what happened within the last `length` seconds."""

    def __init__(self, length: float, clock: Callable[[], float] = time.monotonic) -> None:
        if length <= 0:
            raise ValueError(f"length must be positive, not {length!r}")
        self._length = length
        self._clock = clock
        self._events: deque[tuple[float, int]] = deque()
        self._total = 0

    def add(self, amount: int = 1) -> None:
        self._events.append((self._clock(), amount))
        self._total += amount

    def total(self) -> int:
        """What was added and has not expired yet."""
        oldest = self._clock() - self._length
        while self._events and self._events[0][0] < oldest:
            _, amount = self._events.popleft()
            self._total -= amount
        return self._total


def merge(left: list[int], right: list[int]) -> list[int]:
    merged, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]
'''

JSON = """{
  "order": {
    "id": "ord_48213", "customer": {"name": "Ada Marsh", "email": "ada@example.com", "loyalty_tier": "gold"},
    "items": [
      {"sku": "LMP-220", "description": "Harbour lamp, brass", "quantity": 2, "unit_price": 149.5, "in_stock": true},
      {"sku": "NET-015", "description": "Fishing net, 15 m", "quantity": 1, "unit_price": 82.0, "in_stock": false}
    ],
    "shipping_address": {"street": "Quay 7", "city": "Northport", "postal_code": "40213", "country": "GB"},
    "payment": {"method": "card", "status": "authorized", "captured_at": null},
    "notes": ["Leave with the keeper", "Ring twice"],
    "created_at": "2026-03-14T09:26:53Z", "updated_at": "2026-03-15T11:02:10Z", "total_amount": 381.0
  }
}
"""
