"""The record that is encoded: of RFC 5424, with a message of 102 ASCII characters."""

IDENTITY = {"hostname": "web1.example.com", "app_name": "shop-checkout", "procid": 4242}
MESSAGE = (
    "order 4711 of customer 1234 accepted: 3 items, 59.97 EUR, paid by card, sent to 12 Main St, OK"
).ljust(102, ".")
