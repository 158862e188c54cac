; ModuleID = "max_pool"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"max_pool"(ptr %".1", i64 %".2", i64 %".3", ptr %".4") nounwind
{
entry:
  %".52" = alloca <8 x float>
  %".114" = alloca <8 x float>
  %".116" = alloca <8 x float>
  %".118" = alloca <8 x float>
  %".120" = alloca <8 x float>
  %".204" = alloca <8 x float>
  br label %"body"
body:
  %".7" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".8" = load ptr, ptr %".7"
  %".9" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".10" = load ptr, ptr %".9"
  %".11" = getelementptr inbounds ptr, ptr %".1", i64 2
  %".12" = load ptr, ptr %".11"
  %".13" = icmp eq i64 %".3", 1
  %".14" = mul nsw i64 %".3", 16
  %".15" = udiv i64 2, %".14"
  %".16" = add nsw i64 %".15", 1
  %".17" = select  i1 %".13", i64 2, i64 %".16"
  %".18" = icmp slt i64 0, %".3"
  br i1 %".18", label %"loop", label %"done"
loop:
  %".20" = phi  i64 [0, %"body"], [%".267", %"dealt"]
  %".21" = add nsw i64 %".2", %".20"
  %".22" = urem i64 %".21", %".3"
  %".23" = mul nsw i64 %".22", 2
  %".24" = udiv i64 %".23", %".3"
  %".25" = add nsw i64 %".22", 1
  %".26" = mul nsw i64 %".25", 2
  %".27" = udiv i64 %".26", %".3"
  %".28" = mul nsw i64 %".22", 128
  %".29" = getelementptr i8, ptr %".4", i64 %".28"
  br label %"test"
done:
  ret void
test:
  %".31" = load atomic i64, ptr %".29" monotonic, align 8
  %".32" = add nsw i64 %".24", %".31"
  %".33" = icmp slt i64 %".32", %".27"
  br i1 %".33", label %"claim", label %"dealt"
claim:
  %".35" = atomicrmw add ptr %".29", i64 %".17" monotonic
  %".36" = add nsw i64 %".24", %".35"
  %".37" = icmp slt i64 %".36", %".27"
  br i1 %".37", label %"piece", label %"dealt"
piece:
  %".39" = add nsw i64 %".36", %".17"
  %".40" = icmp slt i64 %".39", %".27"
  %".41" = select  i1 %".40", i64 %".39", i64 %".27"
  %".42" = icmp slt i64 %".36", %".41"
  br i1 %".42", label %"loop.1", label %"done.1"
dealt:
  %".267" = add nsw i64 %".20", 1
  %".268" = icmp slt i64 %".267", %".3"
  br i1 %".268", label %"loop", label %"done"
loop.1:
  %".44" = phi  i64 [%".36", %"piece"], [%".263", %"done.8"]
  %".45" = udiv i64 %".44", 2
  %".46" = urem i64 %".44", 2
  %".47" = mul nsw i64 %".45", 128
  %".48" = getelementptr inbounds float, ptr %".8", i64 %".47"
  %".49" = icmp slt i64 0, 0
  br i1 %".49", label %"loop.2", label %"done.2"
done.1:
  br label %"test"
loop.2:
  %".51" = phi  i64 [0, %"loop.1"], [%".108", %"done.3"]
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".52"
  %".54" = mul nsw i64 %".51", 2
  %".55" = sub nsw i64 0, %".54"
  %".56" = icmp sgt i64 0, %".55"
  %".57" = select  i1 %".56", i64 0, i64 %".55"
  %".58" = sub nsw i64 4, %".54"
  %".59" = icmp sgt i64 0, %".58"
  %".60" = select  i1 %".59", i64 0, i64 %".58"
  %".61" = icmp slt i64 %".60", 2
  %".62" = select  i1 %".61", i64 %".60", i64 2
  %".63" = mul nsw i64 %".46", 2
  %".64" = sub nsw i64 0, %".63"
  %".65" = icmp sgt i64 0, %".64"
  %".66" = select  i1 %".65", i64 0, i64 %".64"
  %".67" = sub nsw i64 4, %".63"
  %".68" = icmp sgt i64 0, %".67"
  %".69" = select  i1 %".68", i64 0, i64 %".67"
  %".70" = icmp slt i64 %".69", 2
  %".71" = select  i1 %".70", i64 %".69", i64 2
  %".72" = icmp slt i64 %".66", %".71"
  br i1 %".72", label %"loop.3", label %"done.3"
done.2:
  %".111" = icmp slt i64 0, 0
  br i1 %".111", label %"loop.5", label %"done.5"
loop.3:
  %".74" = phi  i64 [%".66", %"loop.2"], [%".97", %"done.4"]
  %".75" = mul nsw i64 %".46", 2
  %".76" = add nsw i64 %".75", %".74"
  %".77" = mul nsw i64 %".76", 32
  %".78" = add nsw i64 0, %".77"
  %".79" = getelementptr inbounds float, ptr %".48", i64 %".78"
  %".80" = icmp slt i64 %".57", %".62"
  br i1 %".80", label %"loop.4", label %"done.4"
done.3:
  %".100" = mul nsw i64 %".45", 32
  %".101" = mul nsw i64 %".46", 16
  %".102" = add nsw i64 %".100", %".101"
  %".103" = mul nsw i64 %".51", 8
  %".104" = add nsw i64 %".102", %".103"
  %".105" = getelementptr inbounds float, ptr %".12", i64 %".104"
  %".106" = load <8 x float>, <8 x float>* %".52"
  store <8 x float> %".106", ptr %".105", align 4
  %".108" = add nsw i64 %".51", 1
  %".109" = icmp slt i64 %".108", 0
  br i1 %".109", label %"loop.2", label %"done.2"
loop.4:
  %".82" = phi  i64 [%".57", %"loop.3"], [%".94", %"loop.4"]
  %".83" = mul nsw i64 %".51", 2
  %".84" = add nsw i64 %".83", %".82"
  %".85" = mul nsw i64 %".84", 8
  %".86" = getelementptr inbounds float, ptr %".79", i64 %".85"
  %".87" = load <8 x float>, ptr %".86", align 4
  %".88" = load <8 x float>, <8 x float>* %".52"
  %".89" = fcmp uno <8 x float> %".88", %".88"
  %".90" = fcmp ogt <8 x float> %".88", %".87"
  %".91" = select  <8 x i1> %".90", <8 x float> %".88", <8 x float> %".87"
  %".92" = select  <8 x i1> %".89", <8 x float> %".88", <8 x float> %".91"
  store <8 x float> %".92", <8 x float>* %".52"
  %".94" = add nsw i64 %".82", 1
  %".95" = icmp slt i64 %".94", %".62"
  br i1 %".95", label %"loop.4", label %"done.4"
done.4:
  %".97" = add nsw i64 %".74", 1
  %".98" = icmp slt i64 %".97", %".71"
  br i1 %".98", label %"loop.3", label %"done.3"
loop.5:
  %".113" = phi  i64 [0, %"done.2"], [%".199", %"done.6"]
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".114"
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".116"
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".118"
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".120"
  %".122" = mul nsw i64 %".46", 2
  %".123" = sub nsw i64 0, %".122"
  %".124" = icmp sgt i64 0, %".123"
  %".125" = select  i1 %".124", i64 0, i64 %".123"
  %".126" = sub nsw i64 4, %".122"
  %".127" = icmp sgt i64 0, %".126"
  %".128" = select  i1 %".127", i64 0, i64 %".126"
  %".129" = icmp slt i64 %".128", 2
  %".130" = select  i1 %".129", i64 %".128", i64 2
  %".131" = icmp slt i64 %".125", %".130"
  br i1 %".131", label %"loop.6", label %"done.6"
done.5:
  br label %"loop.8"
loop.6:
  %".133" = phi  i64 [%".125", %"loop.5"], [%".179", %"done.7"]
  %".134" = mul nsw i64 %".46", 2
  %".135" = add nsw i64 %".134", %".133"
  %".136" = mul nsw i64 %".135", 32
  %".137" = add nsw i64 0, %".136"
  %".138" = getelementptr inbounds float, ptr %".48", i64 %".137"
  br label %"loop.7"
done.6:
  %".182" = mul nsw i64 %".45", 32
  %".183" = mul nsw i64 %".46", 16
  %".184" = add nsw i64 %".182", %".183"
  %".185" = mul nsw i64 %".113", 8
  %".186" = add nsw i64 %".184", %".185"
  %".187" = getelementptr inbounds float, ptr %".12", i64 %".186"
  %".188" = load <8 x float>, <8 x float>* %".114"
  store <8 x float> %".188", ptr %".187", align 4
  %".190" = load <8 x float>, <8 x float>* %".116"
  %".191" = getelementptr inbounds float, ptr %".187", i64 8
  store <8 x float> %".190", ptr %".191", align 4
  %".193" = load <8 x float>, <8 x float>* %".118"
  %".194" = getelementptr inbounds float, ptr %".187", i64 16
  store <8 x float> %".193", ptr %".194", align 4
  %".196" = load <8 x float>, <8 x float>* %".120"
  %".197" = getelementptr inbounds float, ptr %".187", i64 24
  store <8 x float> %".196", ptr %".197", align 4
  %".199" = add nsw i64 %".113", 4
  %".200" = icmp slt i64 %".199", 0
  br i1 %".200", label %"loop.5", label %"done.5"
loop.7:
  %".140" = phi  i64 [0, %"loop.6"], [%".176", %"loop.7"]
  %".141" = mul nsw i64 %".113", 2
  %".142" = add nsw i64 %".141", %".140"
  %".143" = mul nsw i64 %".142", 8
  %".144" = getelementptr inbounds float, ptr %".138", i64 %".143"
  %".145" = load <8 x float>, ptr %".144", align 4
  %".146" = load <8 x float>, <8 x float>* %".114"
  %".147" = fcmp uno <8 x float> %".146", %".146"
  %".148" = fcmp ogt <8 x float> %".146", %".145"
  %".149" = select  <8 x i1> %".148", <8 x float> %".146", <8 x float> %".145"
  %".150" = select  <8 x i1> %".147", <8 x float> %".146", <8 x float> %".149"
  store <8 x float> %".150", <8 x float>* %".114"
  %".152" = getelementptr inbounds float, ptr %".144", i64 16
  %".153" = load <8 x float>, ptr %".152", align 4
  %".154" = load <8 x float>, <8 x float>* %".116"
  %".155" = fcmp uno <8 x float> %".154", %".154"
  %".156" = fcmp ogt <8 x float> %".154", %".153"
  %".157" = select  <8 x i1> %".156", <8 x float> %".154", <8 x float> %".153"
  %".158" = select  <8 x i1> %".155", <8 x float> %".154", <8 x float> %".157"
  store <8 x float> %".158", <8 x float>* %".116"
  %".160" = getelementptr inbounds float, ptr %".144", i64 32
  %".161" = load <8 x float>, ptr %".160", align 4
  %".162" = load <8 x float>, <8 x float>* %".118"
  %".163" = fcmp uno <8 x float> %".162", %".162"
  %".164" = fcmp ogt <8 x float> %".162", %".161"
  %".165" = select  <8 x i1> %".164", <8 x float> %".162", <8 x float> %".161"
  %".166" = select  <8 x i1> %".163", <8 x float> %".162", <8 x float> %".165"
  store <8 x float> %".166", <8 x float>* %".118"
  %".168" = getelementptr inbounds float, ptr %".144", i64 48
  %".169" = load <8 x float>, ptr %".168", align 4
  %".170" = load <8 x float>, <8 x float>* %".120"
  %".171" = fcmp uno <8 x float> %".170", %".170"
  %".172" = fcmp ogt <8 x float> %".170", %".169"
  %".173" = select  <8 x i1> %".172", <8 x float> %".170", <8 x float> %".169"
  %".174" = select  <8 x i1> %".171", <8 x float> %".170", <8 x float> %".173"
  store <8 x float> %".174", <8 x float>* %".120"
  %".176" = add nsw i64 %".140", 1
  %".177" = icmp slt i64 %".176", 2
  br i1 %".177", label %"loop.7", label %"done.7"
done.7:
  %".179" = add nsw i64 %".133", 1
  %".180" = icmp slt i64 %".179", %".130"
  br i1 %".180", label %"loop.6", label %"done.6"
loop.8:
  %".203" = phi  i64 [0, %"done.5"], [%".260", %"done.9"]
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".204"
  %".206" = mul nsw i64 %".203", 2
  %".207" = sub nsw i64 0, %".206"
  %".208" = icmp sgt i64 0, %".207"
  %".209" = select  i1 %".208", i64 0, i64 %".207"
  %".210" = sub nsw i64 4, %".206"
  %".211" = icmp sgt i64 0, %".210"
  %".212" = select  i1 %".211", i64 0, i64 %".210"
  %".213" = icmp slt i64 %".212", 2
  %".214" = select  i1 %".213", i64 %".212", i64 2
  %".215" = mul nsw i64 %".46", 2
  %".216" = sub nsw i64 0, %".215"
  %".217" = icmp sgt i64 0, %".216"
  %".218" = select  i1 %".217", i64 0, i64 %".216"
  %".219" = sub nsw i64 4, %".215"
  %".220" = icmp sgt i64 0, %".219"
  %".221" = select  i1 %".220", i64 0, i64 %".219"
  %".222" = icmp slt i64 %".221", 2
  %".223" = select  i1 %".222", i64 %".221", i64 2
  %".224" = icmp slt i64 %".218", %".223"
  br i1 %".224", label %"loop.9", label %"done.9"
done.8:
  %".263" = add nsw i64 %".44", 1
  %".264" = icmp slt i64 %".263", %".41"
  br i1 %".264", label %"loop.1", label %"done.1"
loop.9:
  %".226" = phi  i64 [%".218", %"loop.8"], [%".249", %"done.10"]
  %".227" = mul nsw i64 %".46", 2
  %".228" = add nsw i64 %".227", %".226"
  %".229" = mul nsw i64 %".228", 32
  %".230" = add nsw i64 0, %".229"
  %".231" = getelementptr inbounds float, ptr %".48", i64 %".230"
  %".232" = icmp slt i64 %".209", %".214"
  br i1 %".232", label %"loop.10", label %"done.10"
done.9:
  %".252" = mul nsw i64 %".45", 32
  %".253" = mul nsw i64 %".46", 16
  %".254" = add nsw i64 %".252", %".253"
  %".255" = mul nsw i64 %".203", 8
  %".256" = add nsw i64 %".254", %".255"
  %".257" = getelementptr inbounds float, ptr %".12", i64 %".256"
  %".258" = load <8 x float>, <8 x float>* %".204"
  store <8 x float> %".258", ptr %".257", align 4
  %".260" = add nsw i64 %".203", 1
  %".261" = icmp slt i64 %".260", 2
  br i1 %".261", label %"loop.8", label %"done.8"
loop.10:
  %".234" = phi  i64 [%".209", %"loop.9"], [%".246", %"loop.10"]
  %".235" = mul nsw i64 %".203", 2
  %".236" = add nsw i64 %".235", %".234"
  %".237" = mul nsw i64 %".236", 8
  %".238" = getelementptr inbounds float, ptr %".231", i64 %".237"
  %".239" = load <8 x float>, ptr %".238", align 4
  %".240" = load <8 x float>, <8 x float>* %".204"
  %".241" = fcmp uno <8 x float> %".240", %".240"
  %".242" = fcmp ogt <8 x float> %".240", %".239"
  %".243" = select  <8 x i1> %".242", <8 x float> %".240", <8 x float> %".239"
  %".244" = select  <8 x i1> %".241", <8 x float> %".240", <8 x float> %".243"
  store <8 x float> %".244", <8 x float>* %".204"
  %".246" = add nsw i64 %".234", 1
  %".247" = icmp slt i64 %".246", %".214"
  br i1 %".247", label %"loop.10", label %"done.10"
done.10:
  %".249" = add nsw i64 %".226", 1
  %".250" = icmp slt i64 %".249", %".223"
  br i1 %".250", label %"loop.9", label %"done.9"
}
