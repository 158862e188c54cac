; ModuleID = "max_pool"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"max_pool"(ptr %".1", i64 %".2", i64 %".3") nounwind
{
entry:
  %".27" = alloca <8 x float>
  %".89" = alloca <8 x float>
  %".91" = alloca <8 x float>
  %".93" = alloca <8 x float>
  %".95" = alloca <8 x float>
  %".179" = alloca <8 x float>
  br label %"body"
body:
  %".6" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".7" = load ptr, ptr %".6"
  %".8" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".9" = load ptr, ptr %".8"
  %".10" = getelementptr inbounds ptr, ptr %".1", i64 2
  %".11" = load ptr, ptr %".10"
  %".12" = mul nsw i64 %".2", 2
  %".13" = udiv i64 %".12", %".3"
  %".14" = add nsw i64 %".2", 1
  %".15" = mul nsw i64 %".14", 2
  %".16" = udiv i64 %".15", %".3"
  %".17" = icmp slt i64 %".13", %".16"
  br i1 %".17", label %"loop", label %"done"
loop:
  %".19" = phi  i64 [%".13", %"body"], [%".238", %"done.7"]
  %".20" = udiv i64 %".19", 2
  %".21" = urem i64 %".19", 2
  %".22" = mul nsw i64 %".20", 128
  %".23" = getelementptr inbounds float, ptr %".7", i64 %".22"
  %".24" = icmp slt i64 0, 0
  br i1 %".24", label %"loop.1", label %"done.1"
done:
  ret void
loop.1:
  %".26" = phi  i64 [0, %"loop"], [%".83", %"done.2"]
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".27"
  %".29" = mul nsw i64 %".26", 2
  %".30" = sub nsw i64 0, %".29"
  %".31" = icmp sgt i64 0, %".30"
  %".32" = select  i1 %".31", i64 0, i64 %".30"
  %".33" = sub nsw i64 4, %".29"
  %".34" = icmp sgt i64 0, %".33"
  %".35" = select  i1 %".34", i64 0, i64 %".33"
  %".36" = icmp slt i64 %".35", 2
  %".37" = select  i1 %".36", i64 %".35", i64 2
  %".38" = mul nsw i64 %".21", 2
  %".39" = sub nsw i64 0, %".38"
  %".40" = icmp sgt i64 0, %".39"
  %".41" = select  i1 %".40", i64 0, i64 %".39"
  %".42" = sub nsw i64 4, %".38"
  %".43" = icmp sgt i64 0, %".42"
  %".44" = select  i1 %".43", i64 0, i64 %".42"
  %".45" = icmp slt i64 %".44", 2
  %".46" = select  i1 %".45", i64 %".44", i64 2
  %".47" = icmp slt i64 %".41", %".46"
  br i1 %".47", label %"loop.2", label %"done.2"
done.1:
  %".86" = icmp slt i64 0, 0
  br i1 %".86", label %"loop.4", label %"done.4"
loop.2:
  %".49" = phi  i64 [%".41", %"loop.1"], [%".72", %"done.3"]
  %".50" = mul nsw i64 %".21", 2
  %".51" = add nsw i64 %".50", %".49"
  %".52" = mul nsw i64 %".51", 32
  %".53" = add nsw i64 0, %".52"
  %".54" = getelementptr inbounds float, ptr %".23", i64 %".53"
  %".55" = icmp slt i64 %".32", %".37"
  br i1 %".55", label %"loop.3", label %"done.3"
done.2:
  %".75" = mul nsw i64 %".20", 32
  %".76" = mul nsw i64 %".21", 16
  %".77" = add nsw i64 %".75", %".76"
  %".78" = mul nsw i64 %".26", 8
  %".79" = add nsw i64 %".77", %".78"
  %".80" = getelementptr inbounds float, ptr %".11", i64 %".79"
  %".81" = load <8 x float>, <8 x float>* %".27"
  store <8 x float> %".81", ptr %".80", align 4
  %".83" = add nsw i64 %".26", 1
  %".84" = icmp slt i64 %".83", 0
  br i1 %".84", label %"loop.1", label %"done.1"
loop.3:
  %".57" = phi  i64 [%".32", %"loop.2"], [%".69", %"loop.3"]
  %".58" = mul nsw i64 %".26", 2
  %".59" = add nsw i64 %".58", %".57"
  %".60" = mul nsw i64 %".59", 8
  %".61" = getelementptr inbounds float, ptr %".54", i64 %".60"
  %".62" = load <8 x float>, ptr %".61", align 4
  %".63" = load <8 x float>, <8 x float>* %".27"
  %".64" = fcmp uno <8 x float> %".63", %".63"
  %".65" = fcmp ogt <8 x float> %".63", %".62"
  %".66" = select  <8 x i1> %".65", <8 x float> %".63", <8 x float> %".62"
  %".67" = select  <8 x i1> %".64", <8 x float> %".63", <8 x float> %".66"
  store <8 x float> %".67", <8 x float>* %".27"
  %".69" = add nsw i64 %".57", 1
  %".70" = icmp slt i64 %".69", %".37"
  br i1 %".70", label %"loop.3", label %"done.3"
done.3:
  %".72" = add nsw i64 %".49", 1
  %".73" = icmp slt i64 %".72", %".46"
  br i1 %".73", label %"loop.2", label %"done.2"
loop.4:
  %".88" = phi  i64 [0, %"done.1"], [%".174", %"done.5"]
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".89"
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".91"
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".93"
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".95"
  %".97" = mul nsw i64 %".21", 2
  %".98" = sub nsw i64 0, %".97"
  %".99" = icmp sgt i64 0, %".98"
  %".100" = select  i1 %".99", i64 0, i64 %".98"
  %".101" = sub nsw i64 4, %".97"
  %".102" = icmp sgt i64 0, %".101"
  %".103" = select  i1 %".102", i64 0, i64 %".101"
  %".104" = icmp slt i64 %".103", 2
  %".105" = select  i1 %".104", i64 %".103", i64 2
  %".106" = icmp slt i64 %".100", %".105"
  br i1 %".106", label %"loop.5", label %"done.5"
done.4:
  br label %"loop.7"
loop.5:
  %".108" = phi  i64 [%".100", %"loop.4"], [%".154", %"done.6"]
  %".109" = mul nsw i64 %".21", 2
  %".110" = add nsw i64 %".109", %".108"
  %".111" = mul nsw i64 %".110", 32
  %".112" = add nsw i64 0, %".111"
  %".113" = getelementptr inbounds float, ptr %".23", i64 %".112"
  br label %"loop.6"
done.5:
  %".157" = mul nsw i64 %".20", 32
  %".158" = mul nsw i64 %".21", 16
  %".159" = add nsw i64 %".157", %".158"
  %".160" = mul nsw i64 %".88", 8
  %".161" = add nsw i64 %".159", %".160"
  %".162" = getelementptr inbounds float, ptr %".11", i64 %".161"
  %".163" = load <8 x float>, <8 x float>* %".89"
  store <8 x float> %".163", ptr %".162", align 4
  %".165" = load <8 x float>, <8 x float>* %".91"
  %".166" = getelementptr inbounds float, ptr %".162", i64 8
  store <8 x float> %".165", ptr %".166", align 4
  %".168" = load <8 x float>, <8 x float>* %".93"
  %".169" = getelementptr inbounds float, ptr %".162", i64 16
  store <8 x float> %".168", ptr %".169", align 4
  %".171" = load <8 x float>, <8 x float>* %".95"
  %".172" = getelementptr inbounds float, ptr %".162", i64 24
  store <8 x float> %".171", ptr %".172", align 4
  %".174" = add nsw i64 %".88", 4
  %".175" = icmp slt i64 %".174", 0
  br i1 %".175", label %"loop.4", label %"done.4"
loop.6:
  %".115" = phi  i64 [0, %"loop.5"], [%".151", %"loop.6"]
  %".116" = mul nsw i64 %".88", 2
  %".117" = add nsw i64 %".116", %".115"
  %".118" = mul nsw i64 %".117", 8
  %".119" = getelementptr inbounds float, ptr %".113", i64 %".118"
  %".120" = load <8 x float>, ptr %".119", align 4
  %".121" = load <8 x float>, <8 x float>* %".89"
  %".122" = fcmp uno <8 x float> %".121", %".121"
  %".123" = fcmp ogt <8 x float> %".121", %".120"
  %".124" = select  <8 x i1> %".123", <8 x float> %".121", <8 x float> %".120"
  %".125" = select  <8 x i1> %".122", <8 x float> %".121", <8 x float> %".124"
  store <8 x float> %".125", <8 x float>* %".89"
  %".127" = getelementptr inbounds float, ptr %".119", i64 16
  %".128" = load <8 x float>, ptr %".127", align 4
  %".129" = load <8 x float>, <8 x float>* %".91"
  %".130" = fcmp uno <8 x float> %".129", %".129"
  %".131" = fcmp ogt <8 x float> %".129", %".128"
  %".132" = select  <8 x i1> %".131", <8 x float> %".129", <8 x float> %".128"
  %".133" = select  <8 x i1> %".130", <8 x float> %".129", <8 x float> %".132"
  store <8 x float> %".133", <8 x float>* %".91"
  %".135" = getelementptr inbounds float, ptr %".119", i64 32
  %".136" = load <8 x float>, ptr %".135", align 4
  %".137" = load <8 x float>, <8 x float>* %".93"
  %".138" = fcmp uno <8 x float> %".137", %".137"
  %".139" = fcmp ogt <8 x float> %".137", %".136"
  %".140" = select  <8 x i1> %".139", <8 x float> %".137", <8 x float> %".136"
  %".141" = select  <8 x i1> %".138", <8 x float> %".137", <8 x float> %".140"
  store <8 x float> %".141", <8 x float>* %".93"
  %".143" = getelementptr inbounds float, ptr %".119", i64 48
  %".144" = load <8 x float>, ptr %".143", align 4
  %".145" = load <8 x float>, <8 x float>* %".95"
  %".146" = fcmp uno <8 x float> %".145", %".145"
  %".147" = fcmp ogt <8 x float> %".145", %".144"
  %".148" = select  <8 x i1> %".147", <8 x float> %".145", <8 x float> %".144"
  %".149" = select  <8 x i1> %".146", <8 x float> %".145", <8 x float> %".148"
  store <8 x float> %".149", <8 x float>* %".95"
  %".151" = add nsw i64 %".115", 1
  %".152" = icmp slt i64 %".151", 2
  br i1 %".152", label %"loop.6", label %"done.6"
done.6:
  %".154" = add nsw i64 %".108", 1
  %".155" = icmp slt i64 %".154", %".105"
  br i1 %".155", label %"loop.5", label %"done.5"
loop.7:
  %".178" = phi  i64 [0, %"done.4"], [%".235", %"done.8"]
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".179"
  %".181" = mul nsw i64 %".178", 2
  %".182" = sub nsw i64 0, %".181"
  %".183" = icmp sgt i64 0, %".182"
  %".184" = select  i1 %".183", i64 0, i64 %".182"
  %".185" = sub nsw i64 4, %".181"
  %".186" = icmp sgt i64 0, %".185"
  %".187" = select  i1 %".186", i64 0, i64 %".185"
  %".188" = icmp slt i64 %".187", 2
  %".189" = select  i1 %".188", i64 %".187", i64 2
  %".190" = mul nsw i64 %".21", 2
  %".191" = sub nsw i64 0, %".190"
  %".192" = icmp sgt i64 0, %".191"
  %".193" = select  i1 %".192", i64 0, i64 %".191"
  %".194" = sub nsw i64 4, %".190"
  %".195" = icmp sgt i64 0, %".194"
  %".196" = select  i1 %".195", i64 0, i64 %".194"
  %".197" = icmp slt i64 %".196", 2
  %".198" = select  i1 %".197", i64 %".196", i64 2
  %".199" = icmp slt i64 %".193", %".198"
  br i1 %".199", label %"loop.8", label %"done.8"
done.7:
  %".238" = add nsw i64 %".19", 1
  %".239" = icmp slt i64 %".238", %".16"
  br i1 %".239", label %"loop", label %"done"
loop.8:
  %".201" = phi  i64 [%".193", %"loop.7"], [%".224", %"done.9"]
  %".202" = mul nsw i64 %".21", 2
  %".203" = add nsw i64 %".202", %".201"
  %".204" = mul nsw i64 %".203", 32
  %".205" = add nsw i64 0, %".204"
  %".206" = getelementptr inbounds float, ptr %".23", i64 %".205"
  %".207" = icmp slt i64 %".184", %".189"
  br i1 %".207", label %"loop.9", label %"done.9"
done.8:
  %".227" = mul nsw i64 %".20", 32
  %".228" = mul nsw i64 %".21", 16
  %".229" = add nsw i64 %".227", %".228"
  %".230" = mul nsw i64 %".178", 8
  %".231" = add nsw i64 %".229", %".230"
  %".232" = getelementptr inbounds float, ptr %".11", i64 %".231"
  %".233" = load <8 x float>, <8 x float>* %".179"
  store <8 x float> %".233", ptr %".232", align 4
  %".235" = add nsw i64 %".178", 1
  %".236" = icmp slt i64 %".235", 2
  br i1 %".236", label %"loop.7", label %"done.7"
loop.9:
  %".209" = phi  i64 [%".184", %"loop.8"], [%".221", %"loop.9"]
  %".210" = mul nsw i64 %".178", 2
  %".211" = add nsw i64 %".210", %".209"
  %".212" = mul nsw i64 %".211", 8
  %".213" = getelementptr inbounds float, ptr %".206", i64 %".212"
  %".214" = load <8 x float>, ptr %".213", align 4
  %".215" = load <8 x float>, <8 x float>* %".179"
  %".216" = fcmp uno <8 x float> %".215", %".215"
  %".217" = fcmp ogt <8 x float> %".215", %".214"
  %".218" = select  <8 x i1> %".217", <8 x float> %".215", <8 x float> %".214"
  %".219" = select  <8 x i1> %".216", <8 x float> %".215", <8 x float> %".218"
  store <8 x float> %".219", <8 x float>* %".179"
  %".221" = add nsw i64 %".209", 1
  %".222" = icmp slt i64 %".221", %".189"
  br i1 %".222", label %"loop.9", label %"done.9"
done.9:
  %".224" = add nsw i64 %".201", 1
  %".225" = icmp slt i64 %".224", %".198"
  br i1 %".225", label %"loop.8", label %"done.8"
}
